#include "kioto/runtime/base/model/mutant.h"

#include <algorithm>

namespace kioto::model {
namespace {

MutantSite* sites = nullptr;  // only ever grows; the explorer has one OS thread

std::string& CurrentName() {
  static std::string* name = new std::string;
  return *name;
}

}  // namespace

MutantSite::MutantSite(const char* name) : name_(name), on_(CurrentName() == name), next_(sites) {
  sites = this;
}

void SwitchMutant(const std::string& name) {
  CurrentName() = name;
  for (MutantSite* site = sites; site != nullptr; site = site->next_) {
    site->on_ = name == site->name_;
    site->met_ = false;
  }
}

bool MutantMet() {
  for (MutantSite* site = sites; site != nullptr; site = site->next_) {
    if (site->met_) return true;
  }
  return false;
}

std::vector<std::string> KnownMutants() {
  std::vector<std::string> names;
  for (MutantSite* site = sites; site != nullptr; site = site->next_) names.push_back(site->name_);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace kioto::model
