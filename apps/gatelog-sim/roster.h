#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "apps/gatelog-sim/random.h"
#include "apps/gatelog-sim/site.h"

namespace gatelog::sim {

// Who is enrolled at one terminal, and who of them can come in: the site's people, less and more
// what was changed. A terminal where nothing was changed costs nothing.
//
// Pure; the loop's thread only.
class Roster {
 public:
  // `people` are the site's, visitors last. They outlive the roster.
  explicit Roster(const std::vector<Person>& people);

  const std::vector<Person>& people() const { return people_; }

  bool Has(std::string_view id) const;
  // One of the site's people with whom nothing was changed here.
  bool HasUnchanged(std::string_view id) const;
  std::uint64_t size() const;
  // One of the site's people, enrolled here or not; null: nobody of the site has the ID.
  const Person* FindOnSite(std::string_view id) const;
  // Somebody who can come in, each as likely as the other; null: nobody can. Pointers are valid
  // until the next change.
  const Person* Pick(Random& random) const;
  // One of the site's visitors who is, or is not, enrolled here; null: there is none.
  const Person* PickVisitor(bool enrolled, Random& random) const;
  // Somebody is enrolled who is not of the site, or who is and was changed: neither as in the
  // beginning nor a visitor.
  bool HasGuests() const { return guests_ > 0; }
  // Another number after each change.
  std::uint32_t version() const { return version_; }

  // As in the beginning: the site's people but no visitors.
  void Reset();
  // Enrols somebody, or changes what they come in with.
  void Set(Person person);
  // One of the site's people is again what they were in the beginning.
  void Restore(std::string_view id);
  void Remove(std::string_view id);

 private:
  static constexpr std::uint32_t kStaysOut = 0xFFFFFFFF;

  // resident_count_ if it is none of them.
  std::size_t FindResident(std::string_view id) const;
  void SetShadowed(std::string_view id, bool shadowed);
  void Forget(std::string_view id);
  bool IsVisitor(std::string_view id) const;

  const std::vector<Person>& people_;
  const std::size_t resident_count_;
  // Of the site's people those who are changed or gone here, as ascending positions in people_.
  std::vector<std::uint16_t> shadowed_;
  // Everybody else who is enrolled: where they stand in comers_, or kStaysOut.
  absl::flat_hash_map<std::string, std::uint32_t> others_;
  std::vector<Person> comers_;
  std::size_t guests_ = 0;  // of others_
  std::uint32_t version_ = 0;
};

}  // namespace gatelog::sim
