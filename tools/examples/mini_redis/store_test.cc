#include "kioto/tools/examples/mini_redis/store.h"

#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/time/sleep.h"
#include "kioto/tools/examples/mini_redis/glob.h"

namespace mini_redis {
namespace {

using ::testing::UnorderedElementsAre;

std::string Value(Database& database, absl::string_view key) {
  Locked keys = database.Lock(key);
  const Entry* entry = keys.Find(key);
  return entry == nullptr ? "(none)" : std::string(entry->value());
}

void Set(Database& database, absl::string_view key, absl::string_view value, Millis deadline = kNever) {
  Locked keys = database.Lock(key);
  Entry* entry = keys.Set(key, value);
  if (deadline != kNever) keys.SetDeadline(entry, deadline);
}

std::vector<std::string> Keys(Database& database) {
  std::vector<std::string> keys;
  database.ForEachKey([&](absl::string_view key) { keys.emplace_back(key); });
  return keys;
}

TEST(StoreTest, SetsReplacesErases) {
  Store store;
  Database& db = store.database(3);
  Set(db, "k", "v");
  Set(db, "", std::string(100'000, 'x'));
  Set(db, "k", "another, longer value");
  Set(db, "k", "short");
  EXPECT_EQ(Value(db, "k"), "short");
  EXPECT_EQ(Value(db, "").size(), 100'000u);
  Set(db, "", "");
  EXPECT_EQ(Value(db, ""), "");
  EXPECT_EQ(db.size(), 2u);
  EXPECT_EQ(store.database(2).size(), 0u);
  {
    Locked keys = db.Lock("k");
    keys.Erase(keys.Find("k"));
    EXPECT_EQ(keys.Find("k"), nullptr);
  }
  EXPECT_THAT(Keys(db), UnorderedElementsAre(""));
}

TEST(StoreTest, LocksManyKeysOnce) {
  Store store;
  Database& db = store.database(0);
  const std::vector<absl::string_view> names = {"a", "b", "a", "c", "d", "b"};
  Locked keys = db.Lock(names);  // the same shard twice would never return
  for (absl::string_view name : names) keys.Set(name, name);
  for (absl::string_view name : names) EXPECT_EQ(keys.Find(name)->value(), name);
}

TEST(StoreTest, AppendsWithoutMovingEachByteTooOften) {
  Store store;
  Database& db = store.database(0);
  Locked keys = db.Lock("log");
  int moved = 0;
  const Entry* last = nullptr;
  for (int i = 0; i < 100'000; ++i) {
    const Entry* entry = keys.Append("log", "x");
    moved += entry != last ? 1 : 0;
    last = entry;
  }
  EXPECT_EQ(last->value(), std::string(100'000, 'x'));
  EXPECT_LE(moved, 40);
}

TEST(StoreTest, ADeadlineMovesWithItsKey) {
  Store store;
  Database& db = store.database(0);
  const Millis later = store.Now() + 1'000'000;
  Set(db, "k", "v", later);
  EXPECT_EQ(db.expiring(), 1u);
  {
    Locked keys = db.Lock("k");
    EXPECT_EQ(keys.Append("k", std::string(1000, 'x'))->deadline(), later);
    EXPECT_EQ(keys.Set("k", std::string(5000, 'y'), Locked::Deadline::kKeep)->deadline(), later);
    keys.SetDeadline(keys.Find("k"), later + 5);
    EXPECT_EQ(keys.Set("k", "w", Locked::Deadline::kForget)->deadline(), kNever);
  }
  EXPECT_EQ(db.expiring(), 0u);
  Set(db, "k", "v", later);
  db.Clear();
  EXPECT_EQ(db.size() + db.expiring(), 0u);
}

// Random operations on few keys, against a map. The clock of the paused runtime is moved by sleeping.
TEST(StoreTest, AgreesWithAMap) {
  auto runtime = kioto::RuntimeBuilder::CurrentThread().StartPaused().Build();
  ASSERT_TRUE(runtime.ok());
  struct Expected {
    std::string value;
    Millis deadline;
  };
  const auto enter = runtime->Enter();
  Store store;
  Database& db = store.database(0);
  std::map<std::string, Expected> model;
  std::mt19937 random(7);
  for (int step = 0; step < 20'000; ++step) {
    const std::string key = absl::StrCat("key", random() % 50);
    const Millis now = store.Now();
    const auto known = model.find(key);
    if (known != model.end() && known->second.deadline != kNever && now > known->second.deadline) model.erase(known);
    switch (random() % 6) {
      case 0:
      case 1: {
        const std::string value(random() % 200, static_cast<char>('a' + random() % 26));
        const Millis deadline = random() % 2 == 0 ? kNever : now + 1 + static_cast<Millis>(random() % 20);
        Set(db, key, value, deadline);
        model[key] = {value, deadline};
        break;
      }
      case 2: {
        Locked keys = db.Lock(key);
        Entry* entry = keys.Find(key);
        ASSERT_EQ(entry != nullptr, model.count(key) != 0);
        if (entry != nullptr) keys.Erase(entry);
        model.erase(key);
        break;
      }
      case 3: {
        db.Lock(key).Append(key, "+");
        model[key].value += "+";
        break;
      }
      case 4: {
        ASSERT_EQ(Value(db, key), model.count(key) == 0 ? "(none)" : model[key].value);
        break;
      }
      default:
        if (random() % 4 != 0) break;
        ASSERT_TRUE(runtime->BlockOn(kioto::Sleep(std::chrono::milliseconds(1))).ok());
    }
  }
}

// Nobody looks at the keys: the task alone takes them away, at their time and not before.
TEST(StoreTest, KeysExpireByTimer) {
  std::unique_ptr<Store> store;  // outlives the task that works on it
  auto runtime = kioto::RuntimeBuilder::CurrentThread().StartPaused().Build();
  ASSERT_TRUE(runtime.ok());
  const auto status = runtime->BlockOn([&] {
    store = std::make_unique<Store>();
    auto expiry = kioto::Spawn(store->ExpireForever());
    return kioto::With(std::move(expiry), [&](auto& task) {
      Database& db = store->database(5);
      const Millis now = store->Now();
      for (int i = 0; i < 1000; ++i) Set(db, absl::StrCat(i), "v", now + (i < 500 ? 50 : 70));
      Set(db, "stays", "v");
      return kioto::Sleep(std::chrono::milliseconds(49))
          .Then([&] {
            EXPECT_EQ(store->database(5).size(), 1001u);
            return kioto::Sleep(std::chrono::milliseconds(5));
          })
          .Then([&] {
            EXPECT_EQ(store->database(5).size(), 501u);
            Set(store->database(7), "sooner", "v", store->Now() + 3);  // than what the task waits for
            return kioto::Sleep(std::chrono::milliseconds(6));
          })
          .Then([&] {
            EXPECT_EQ(store->database(7).size(), 0u);
            return kioto::Sleep(std::chrono::milliseconds(20));
          })
          .Then([&] {
            EXPECT_EQ(store->database(5).size(), 1u);
            task.Abort();
          });
    });
  });
  EXPECT_TRUE(status.ok()) << status;
}

TEST(GlobTest, Matches) {
  struct Case {
    absl::string_view pattern, text;
    bool matches;
  };
  for (const Case& c : std::vector<Case>{
           {"*", "", true},          {"", "", true},           {"", "a", false},          {"h?llo", "hello", true},
           {"h?llo", "hllo", false}, {"h*llo", "heeello", true}, {"h[ae]llo", "hallo", true}, {"h[ae]llo", "hillo", false},
           {"h[^e]llo", "hello", false}, {"h[^e]llo", "hallo", true}, {"h[a-b]llo", "hbllo", true}, {"h[b-a]llo", "hallo", true},
           {"a\\*b", "a*b", true},   {"a\\*b", "axb", false},  {"*a*b*c*", "xxaxxbxxcxx", true}, {"*a*b*c*", "xxaxxcxxbxx", false},
           {"[\\]]", "]", true},     {"[abc", "b", true},      {"key:*", "key:1", true},  {"**", "x", true},
           {"a*", "b", false},       {"*b", "ab", true},       {"*b", "ba", false},       {"\\", "\\", true},
       }) {
    EXPECT_EQ(GlobMatch(c.pattern, c.text), c.matches) << c.pattern << " " << c.text;
  }
  EXPECT_TRUE(GlobMatchIgnoringCase("SAVE*", "save"));
  // Exponential for whoever tries every star again.
  EXPECT_FALSE(GlobMatch("a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(10'000, 'a')));
}

}  // namespace
}  // namespace mini_redis
