#include "apps/gatelog-sim/roster.h"

#include <algorithm>
#include <utility>

namespace gatelog::sim {

Roster::Roster(const std::vector<Person>& people)
    : people_(people),
      resident_count_(static_cast<std::size_t>(std::count_if(
          people.begin(), people.end(), [](const Person& person) { return !person.visitor; }))) {}

std::size_t Roster::FindResident(std::string_view id) const {
  std::size_t i = 0;
  while (i < resident_count_ && people_[i].user_id != id) ++i;
  return i;
}

const Person* Roster::FindOnSite(std::string_view id) const {
  const auto found = std::find_if(people_.begin(), people_.end(),
                                  [&](const Person& person) { return person.user_id == id; });
  return found == people_.end() ? nullptr : &*found;
}

bool Roster::IsVisitor(std::string_view id) const {
  const Person* person = FindOnSite(id);
  return person != nullptr && person->visitor;
}

bool Roster::Has(std::string_view id) const {
  return others_.contains(absl::string_view(id.data(), id.size())) || HasUnchanged(id);
}

bool Roster::HasUnchanged(std::string_view id) const {
  const std::size_t resident = FindResident(id);
  return resident < resident_count_ &&
         !std::binary_search(shadowed_.begin(), shadowed_.end(), resident);
}

std::uint64_t Roster::size() const { return resident_count_ - shadowed_.size() + others_.size(); }

const Person* Roster::Pick(Random& random) const {
  const std::size_t unchanged = resident_count_ - shadowed_.size();
  const std::size_t all = unchanged + comers_.size();
  if (all == 0) return nullptr;
  std::size_t pick = random.Below(static_cast<std::uint32_t>(all));
  if (pick >= unchanged) return &comers_[pick - unchanged];
  for (const std::uint16_t gone : shadowed_) {
    if (gone > pick) break;
    ++pick;
  }
  return &people_[pick];
}

const Person* Roster::PickVisitor(bool enrolled, Random& random) const {
  const std::size_t count = people_.size() - resident_count_;
  if (count == 0) return nullptr;
  const std::size_t first = random.Below(static_cast<std::uint32_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    const Person& visitor = people_[resident_count_ + (first + i) % count];
    if (others_.contains(visitor.user_id) == enrolled) return &visitor;
  }
  return nullptr;
}

void Roster::Reset() {
  ++version_;
  shadowed_.clear();
  others_.clear();
  comers_.clear();
  guests_ = 0;
}

void Roster::SetShadowed(std::string_view id, bool shadowed) {
  const std::size_t resident = FindResident(id);
  if (resident == resident_count_) return;
  const auto place = std::lower_bound(shadowed_.begin(), shadowed_.end(), resident);
  const bool is = place != shadowed_.end() && *place == resident;
  if (is == shadowed) return;
  if (shadowed) {
    shadowed_.insert(place, static_cast<std::uint16_t>(resident));
  } else {
    shadowed_.erase(place);
  }
}

void Roster::Forget(std::string_view id) {
  const auto found = others_.find(absl::string_view(id.data(), id.size()));
  if (found == others_.end()) return;
  if (!IsVisitor(id)) --guests_;
  const std::uint32_t place = found->second;
  others_.erase(found);
  if (place == kStaysOut) return;
  if (place + 1 != comers_.size()) {
    comers_[place] = std::move(comers_.back());
    others_[comers_[place].user_id] = place;
  }
  comers_.pop_back();
}

void Roster::Set(Person person) {
  ++version_;
  Forget(person.user_id);
  SetShadowed(person.user_id, true);
  if (!IsVisitor(person.user_id)) ++guests_;
  if (person.habit == Habit::kNone) {
    others_[person.user_id] = kStaysOut;
    return;
  }
  others_[person.user_id] = static_cast<std::uint32_t>(comers_.size());
  comers_.push_back(std::move(person));
}

void Roster::Restore(std::string_view id) {
  ++version_;
  Forget(id);
  SetShadowed(id, false);
}

void Roster::Remove(std::string_view id) {
  ++version_;
  Forget(id);
  SetShadowed(id, true);
}

}  // namespace gatelog::sim
