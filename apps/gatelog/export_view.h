#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "apps/gatelog/output.h"
#include "gatelog/v1/events.pb.h"

namespace gatelog::cli {

// What leaves for other programs: the columns of docs/formats/export.md, which do not change.

// `zone_name` stands in a column of its own, and every time has its offset.
struct ExportZone {
  absl::TimeZone zone;
  std::string name;
};

Layout ExportLayout();
// One line of a spreadsheet.
Record ExportRecord(const v1::StoredEvent& stored, const ExportZone& zone);
// All that is known, in the contracts' own names, with the time in words.
Record ExportObject(const v1::StoredEvent& stored, const ExportZone& zone);

// The main codes by which a terminal says that it has recognised a person.
std::vector<std::uint32_t> PunchCodes();

Layout PunchLayout();
// Nothing for an event that names nobody.
std::optional<Record> PunchRecord(const v1::StoredEvent& stored, const ExportZone& zone);

}  // namespace gatelog::cli
