#pragma once

#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "evidence/seal.h"
#include "evidence/seal_key.h"
#include "store/sqlite/chain_writer.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// The columns of the table seal, as SealOfRow reads them from column 0 on.
inline constexpr char kSealColumns[] =
    "number, time_ms, block, head, previous, manifest, key, signature";
// Nothing if a digest or the signature has not its size.
std::optional<evidence::Seal> SealOfRow(const Statement& row);

absl::StatusOr<std::optional<evidence::Seal>> ReadLastSeal(Database& database);

// Seals what the open transaction will leave as the head, if that was not sealed before.
absl::StatusOr<std::optional<evidence::Seal>> WriteSeal(Database& database,
                                                        const ChainWriter& chain,
                                                        const evidence::ChainHead& head,
                                                        const evidence::SealKey& key);

}  // namespace gatelog::store
