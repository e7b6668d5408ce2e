#include "store/sqlite/hour_count.h"

#include <string>

#include "base/status_macros.h"
#include "store/sqlite/posting_list.h"

namespace gatelog::store {

absl::Status InsertDay(Database& database, std::uint64_t segment, std::uint32_t day,
                       const HourCounts& counts) {
  std::string bytes;
  for (std::uint32_t hour = day * kHoursPerDay; hour < (day + 1) * kHoursPerDay; ++hour) {
    const auto of_hour = counts.find(hour);
    if (of_hour == counts.end()) {
      AppendVarint(0, bytes);
      continue;
    }
    AppendVarint(of_hour->second.size(), bytes);
    std::int64_t before = 0;
    for (const auto& [code, events] : of_hour->second) {
      AppendVarint(static_cast<std::uint64_t>(code - before), bytes);
      AppendVarint(events, bytes);
      before = code;
    }
  }
  GATELOG_ASSIGN_OR_RETURN(Statement insert,
                           database.Prepare("INSERT INTO hour_count VALUES (?1, ?2, ?3)"));
  insert.Bind(1, static_cast<std::int64_t>(segment));
  insert.Bind(2, day);
  insert.BindBlob(3, bytes);
  return insert.Run();
}

absl::Status VisitCounts(Database& database, const ClosedSegment& segment, std::uint32_t first,
                         std::uint32_t last,
                         absl::FunctionRef<void(std::uint32_t, std::int64_t, std::uint64_t)> take) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT day, counts FROM hour_count WHERE segment = ?1 AND day BETWEEN ?2 "
                       "AND ?3 ORDER BY day"));
  select.Bind(1, static_cast<std::int64_t>(segment.first_seq));
  select.Bind(2, first / kHoursPerDay);
  select.Bind(3, last / kHoursPerDay);
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return absl::OkStatus();
    const auto day = static_cast<std::uint32_t>(select.Integer(0));
    VarintReader reader(select.Bytes(1));
    for (std::uint32_t hour = day * kHoursPerDay; hour < (day + 1) * kHoursPerDay; ++hour) {
      std::int64_t code = 0;
      for (std::uint64_t codes = reader.Next(); codes > 0 && reader.ok(); --codes) {
        code += static_cast<std::int64_t>(reader.Next() & 0xFF'FFFF'FFFF);
        const std::uint64_t events = reader.Next();
        if (reader.ok() && hour >= first && hour <= last) take(hour, code, events);
      }
    }
    if (!reader.ok() || !reader.at_end()) return DamagedIndex(database, segment.first_seq);
  }
}

}  // namespace gatelog::store
