// Mutants of the product: the other side of kioto/runtime/base/mutant.h.
//
// Every KIOTO_MUTANT and KIOTO_ORDER of the product is a site that makes itself known when it is
// first reached. One name at a time can be switched on (Options::Mutant).
#ifndef KIOTO_RUNTIME_BASE_MODEL_MUTANT_H_
#define KIOTO_RUNTIME_BASE_MODEL_MUTANT_H_

#include <string>
#include <vector>

namespace kioto::model {

class MutantSite {
 public:
  explicit MutantSite(const char* name);
  MutantSite(const MutantSite&) = delete;
  MutantSite& operator=(const MutantSite&) = delete;

  bool on() {
    if (on_) met_ = true;
    return on_;
  }

 private:
  friend void SwitchMutant(const std::string& name);
  friend bool MutantMet();
  friend std::vector<std::string> KnownMutants();

  const char* const name_;
  bool on_;
  bool met_ = false;
  MutantSite* const next_;
};

// Switches the mutant of that name on and every other one off; "" leaves the product as it is.
void SwitchMutant(const std::string& name);
// Whether a site that is on was reached since.
bool MutantMet();
// The names of all sites that were reached so far.
std::vector<std::string> KnownMutants();

}  // namespace kioto::model

#endif  // KIOTO_RUNTIME_BASE_MODEL_MUTANT_H_
