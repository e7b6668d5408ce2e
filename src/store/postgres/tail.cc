#include "store/postgres/tail.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace gatelog::postgres {
namespace {

constexpr std::size_t kBlock = 64;
constexpr std::uint8_t kHasImage = 1;
constexpr std::uint8_t kChangedOnDevice = 2;
constexpr std::uint8_t kErased = 4;
constexpr std::size_t kChunkBytes = 1024 * 1024;

template <typename T>
std::unique_ptr<T[]> MakeColumn(std::size_t capacity) {
  return std::make_unique_for_overwrite<T[]>(capacity);
}

template <typename List, typename T>
bool IsAnyOf(const List& list, T value) {
  return list.empty() ||
         std::any_of(list.begin(), list.end(), [&](const auto& one) { return one == value; });
}

bool InRange(std::int64_t value, std::int64_t from, std::int64_t to) {
  return (from == 0 || value >= from) && (to == 0 || value < to);
}

// The places of a block at which a column has a value, as bits.
std::uint64_t BitsOf(const std::uint32_t* block, std::size_t size, std::uint32_t value) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < size; ++i) bits |= std::uint64_t{block[i] == value} << i;
  return bits;
}

bool CodeFits(const std::vector<ports::CodeChoice>& choices, std::uint32_t code,
              std::uint32_t sub_code) {
  if (choices.empty()) return true;
  return std::any_of(choices.begin(), choices.end(), [&](const ports::CodeChoice& choice) {
    return choice.code == code && IsAnyOf(choice.sub_codes, sub_code);
  });
}

}  // namespace

Tail::Tail(std::size_t capacity, std::size_t payload_bytes_max)
    : capacity_(capacity),
      payload_bytes_max_(payload_bytes_max),
      arrival_ms_(MakeColumn<std::int64_t>(capacity)),
      log_device_(MakeColumn<std::uint32_t>(capacity)),
      epoch_(MakeColumn<std::uint32_t>(capacity)),
      id_(MakeColumn<std::uint32_t>(capacity)),
      timestamp_(MakeColumn<std::uint32_t>(capacity)),
      device_(MakeColumn<std::uint32_t>(capacity)),
      entity_(MakeColumn<std::uint32_t>(capacity)),
      temperature_(MakeColumn<std::uint32_t>(capacity)),
      person_(MakeColumn<std::uint32_t>(capacity)),
      code_(MakeColumn<std::uint32_t>(capacity)),
      sub_code_(MakeColumn<std::uint8_t>(capacity)),
      tna_key_(MakeColumn<std::uint8_t>(capacity)),
      flags_(MakeColumn<std::uint8_t>(capacity)),
      phase_(MakeColumn<std::uint8_t>(capacity)),
      payload_(MakeColumn<const char*>(capacity)),
      payload_size_(MakeColumn<std::uint16_t>(capacity)) {}

const char* Tail::KeepPayload(std::string_view payload) {
  if (payload.size() > std::numeric_limits<std::uint16_t>::max()) return nullptr;
  if (chunks_.empty() || payload.size() > chunk_left_) {
    if ((chunks_.size() + 1) * kChunkBytes > payload_bytes_max_) return nullptr;
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(kChunkBytes));
    chunk_left_ = kChunkBytes;
  }
  char* const at = chunks_.back().get() + (kChunkBytes - chunk_left_);
  std::memcpy(at, payload.data(), payload.size());
  chunk_left_ -= payload.size();
  return at;
}

void Tail::Add(std::span<const TailEvent> events) {
  std::size_t place = size_.load(std::memory_order_relaxed);
  events = events.first(std::min(events.size(), capacity_ - place));
  for (const TailEvent& event : events) {
    arrival_ms_[place] = event.arrival_ms;
    log_device_[place] = event.log_device;
    epoch_[place] = event.epoch;
    id_[place] = event.id;
    timestamp_[place] = event.timestamp;
    device_[place] = event.device;
    entity_[place] = event.entity;
    temperature_[place] = event.temperature;
    person_[place] = static_cast<std::uint32_t>(event.person);
    code_[place] = event.code;
    sub_code_[place] = event.sub_code;
    tna_key_[place] = event.tna_key;
    flags_[place] = event.flags;
    phase_[place] = event.phase;
    payload_[place] = KeepPayload(event.payload);
    payload_size_[place] = static_cast<std::uint16_t>(event.payload.size());
    if (payload_[place] == nullptr) has_payloads_.store(false, std::memory_order_release);
    ++place;
  }
  size_.store(place, std::memory_order_release);

  MutexLock lock(mutex_);
  HourKey last;
  std::uint64_t* count = nullptr;
  for (const TailEvent& event : events) {
    const HourKey key{event.timestamp / kHourSeconds, event.code, event.sub_code};
    if (count == nullptr || !(key == last)) {
      count = &hours_[key];
      last = key;
    }
    ++*count;
    bounds_.timestamp_min = std::min<std::int64_t>(bounds_.timestamp_min, event.timestamp);
    bounds_.timestamp_max = std::max<std::int64_t>(bounds_.timestamp_max, event.timestamp);
    bounds_.arrival_min = std::min(bounds_.arrival_min, event.arrival_ms);
    bounds_.arrival_max = std::max(bounds_.arrival_max, event.arrival_ms);
  }
}

TimeBounds Tail::bounds() const {
  MutexLock lock(mutex_);
  return bounds_;
}

TailEvent Tail::At(std::size_t place) const {
  TailEvent event{.arrival_ms = arrival_ms_[place],
                  .log_device = log_device_[place],
                  .epoch = epoch_[place],
                  .id = id_[place],
                  .timestamp = timestamp_[place],
                  .device = device_[place],
                  .entity = entity_[place],
                  .temperature = temperature_[place],
                  .person = static_cast<std::int32_t>(person_[place]),
                  .code = static_cast<std::uint16_t>(code_[place]),
                  .sub_code = sub_code_[place],
                  .tna_key = tna_key_[place],
                  .flags = flags_[place],
                  .phase = phase_[place]};
  if (payload_[place] != nullptr) event.payload = {payload_[place], payload_size_[place]};
  return event;
}

void Tail::MarkPeople(std::vector<bool>& people) const {
  const std::size_t size = size_.load(std::memory_order_acquire);
  for (std::size_t place = 0; place < size; ++place) {
    if (person_[place] < people.size()) people[person_[place]] = true;
  }
}

HourCounts Tail::hours() const {
  MutexLock lock(mutex_);
  return hours_;
}

bool Tail::HasCard(const std::vector<std::string>& cards, std::size_t place) const {
  if (payload_[place] == nullptr) return false;
  const std::string_view card = model::CardNumber({payload_[place], payload_size_[place]});
  return !card.empty() && IsAnyOf(cards, card);
}

bool Tail::Matches(const TailFilter& filter, std::size_t place) const {
  const ports::EventFilter& wanted = filter.wanted;
  const auto milliseconds = [](Timestamp time) { return time.time_since_epoch().count(); };
  const bool measured = wanted.temperature_from != 0 || wanted.temperature_to != 0;
  const std::uint32_t temperature = temperature_[place];
  return (wanted.users.empty() ||
          (IsAnyOf(filter.people, static_cast<std::int32_t>(person_[place])) &&
           (person_[place] != 0 || (flags_[place] & kErased) == 0))) &&
         CodeFits(wanted.codes, code_[place], sub_code_[place]) &&
         InRange(timestamp_[place], wanted.from_s, wanted.to_s) &&
         IsAnyOf(wanted.log_devices, log_device_[place]) &&
         IsAnyOf(wanted.devices, device_[place]) && IsAnyOf(wanted.entities, entity_[place]) &&
         IsAnyOf(wanted.tna_keys, std::uint32_t{tna_key_[place]}) &&
         (!wanted.epoch || *wanted.epoch == epoch_[place]) &&
         (!wanted.phase || static_cast<int>(*wanted.phase) == phase_[place]) &&
         id_[place] >= wanted.first_id && (wanted.last_id == 0 || id_[place] <= wanted.last_id) &&
         InRange(arrival_ms_[place], milliseconds(wanted.arrival_from),
                 milliseconds(wanted.arrival_to)) &&
         (!measured || temperature != 0) && temperature >= wanted.temperature_from &&
         (wanted.temperature_to == 0 || temperature <= wanted.temperature_to) &&
         (!wanted.has_image || (flags_[place] & kHasImage) != 0) &&
         (!wanted.changed_on_device || (flags_[place] & kChangedOnDevice) != 0) &&
         (wanted.cards.empty() || HasCard(wanted.cards, place));
}

std::vector<std::size_t> Tail::Search(const TailFilter& filter, std::size_t first, std::size_t last,
                                      bool newest_first, std::size_t limit) const {
  std::vector<std::size_t> found;
  const std::size_t size = size_.load(std::memory_order_acquire);
  if (size == 0 || first >= size) return found;
  last = std::min(last, size - 1);
  // One value of one column rules most events out, a block at a time.
  const ports::EventFilter& wanted = filter.wanted;
  const std::uint32_t* column = nullptr;
  std::uint32_t value = 0;
  const auto lead = [&](const Column<std::uint32_t>& by, std::uint32_t of) {
    if (column == nullptr) column = by.get(), value = of;
  };
  if (!wanted.users.empty() && filter.people.size() == 1) {
    lead(person_, static_cast<std::uint32_t>(filter.people[0]));
  }
  if (wanted.log_devices.size() == 1) lead(log_device_, wanted.log_devices[0]);
  if (wanted.devices.size() == 1) lead(device_, wanted.devices[0]);
  if (wanted.codes.size() == 1) lead(code_, wanted.codes[0].code);

  const std::size_t blocks = (last - first) / kBlock + 1;
  for (std::size_t i = 0; i < blocks; ++i) {
    const std::size_t begin = first + (newest_first ? blocks - 1 - i : i) * kBlock;
    const std::size_t count = std::min(kBlock, last - begin + 1);
    std::uint64_t bits = column != nullptr ? BitsOf(column + begin, count, value)
                         : count == kBlock ? ~std::uint64_t{0}
                                           : (std::uint64_t{1} << count) - 1;
    while (bits != 0) {
      const auto bit = static_cast<std::size_t>(newest_first ? 63 - std::countl_zero(bits)
                                                             : std::countr_zero(bits));
      bits &= ~(std::uint64_t{1} << bit);
      if (!Matches(filter, begin + bit)) continue;
      found.push_back(begin + bit);
      if (found.size() == limit) return found;
    }
  }
  return found;
}

}  // namespace gatelog::postgres
