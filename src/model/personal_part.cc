#include "model/personal_part.h"

#include "model/event.h"
#include "model/field_reader.h"

namespace gatelog::model {
namespace {

constexpr int kUserId = 4;
constexpr int kTemperature = 11;
constexpr int kCardData = 12;
constexpr int kFieldNumberMax = 15;  // of gsdk.event.EventLog

static_assert(kEventSizeMax <= 0xFFFF, "offsets and sizes have 16 bits");

bool IsPersonal(int field) {
  return field == kUserId || field == kTemperature || field == kCardData || field > kFieldNumberMax;
}

void AppendNumber(std::size_t number, std::string& out) {
  out.push_back(static_cast<char>(number >> 8 & 0xFF));
  out.push_back(static_cast<char>(number & 0xFF));
}

}  // namespace

void SplitPersonalPart(std::string_view payload, SplitEvent& split) {
  split.public_part.clear();
  split.personal_part.clear();
  const bool too_long = payload.size() > kEventSizeMax;
  internal::FieldReader reader(too_long ? std::string_view() : payload);
  for (internal::Field field; reader.Next(field);) {
    if (!IsPersonal(field.number)) {
      split.public_part.append(field.raw);
      continue;
    }
    AppendNumber(split.public_part.size(), split.personal_part);
    AppendNumber(field.raw.size(), split.personal_part);
    split.personal_part.append(field.raw);
  }
  if (reader.ok() && !too_long) return;
  split.public_part.assign(payload);
  split.personal_part.clear();
}

}  // namespace gatelog::model
