#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "apps/gatelog/output.h"
#include "apps/gatelog/time_zones.h"
#include "gatelog/v1/events.pb.h"

namespace gatelog::cli {

// What leaves for other programs: the columns of docs/formats/export.md, which do not change.

// The zone's name stands in a column of its own, and every time has its offset.

Layout ExportLayout();
// One line of a spreadsheet.
Record ExportRecord(const v1::StoredEvent& stored, const NamedZone& zone);
// All that is known, in the contracts' own names, with the time in words.
Record ExportObject(const v1::StoredEvent& stored, const NamedZone& zone);

// The main codes by which a terminal says that it has recognised a person.
std::vector<std::uint32_t> PunchCodes();

Layout PunchLayout();
// Nothing for an event that names nobody.
std::optional<Record> PunchRecord(const v1::StoredEvent& stored, const NamedZone& zone);

}  // namespace gatelog::cli
