#include "store/sqlite/posting_list.h"

namespace gatelog::store {

void AppendVarint(std::uint64_t number, std::string& bytes) {
  for (; number >= 0x80; number >>= 7) bytes.push_back(static_cast<char>(number | 0x80));
  bytes.push_back(static_cast<char>(number));
}

void EncodeList(std::span<const Posting> list, bool with_ids, std::string& bytes) {
  std::uint32_t due = 0;
  model::EventId id = 0;
  for (std::size_t i = 0; i < list.size();) {
    std::size_t end = i + 1;
    while (end < list.size() && list[end].offset == list[end - 1].offset + 1 &&
           (!with_ids || list[end].id == list[end - 1].id + 1)) {
      ++end;
    }
    const std::uint64_t gap = list[i].offset - due;
    const std::uint64_t count = end - i;
    AppendVarint(gap << 1 | (count > 1 ? 1 : 0), bytes);
    if (count > 1) AppendVarint(count - 2, bytes);
    if (with_ids) AppendVarint(static_cast<model::EventId>(list[i].id - id - 1), bytes);
    due = list[end - 1].offset + 1;
    id = list[end - 1].id;
    i = end;
  }
}

}  // namespace gatelog::store
