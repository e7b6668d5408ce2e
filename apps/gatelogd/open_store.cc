#include "apps/gatelogd/open_store.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/postgres/postgres_registry.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/postgres_upkeep.h"
#include "store/postgres/unkept.h"
#include "store/sqlite/data_directory.h"
#include "store/sqlite/sqlite_registry.h"
#include "store/sqlite/sqlite_store.h"
#include "store/sqlite/sqlite_upkeep.h"

namespace gatelog::gatelogd {
namespace {

// Certificates and keys lie there whatever the store is.
absl::Status MakeDataDirectory(const std::string& directory) {
  constexpr mode_t kMode = 0750;
  if (mkdir(directory.c_str(), kMode) == 0 || errno == EEXIST) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat("The data directory ", directory,
                                                  " cannot be made: ", std::strerror(errno), "."));
}

class Sqlite final : public OpenedStore {
 public:
  static absl::StatusOr<std::unique_ptr<OpenedStore>> Open(const config::Config& config) {
    store::SqliteStore::Options options;
    options.directory = config.data_dir;
    options.readers = static_cast<int>(config.store_readers);
    options.writer_cache_kib = std::int64_t{config.store_cache_mib} * 1024;
    auto opened = std::make_unique<Sqlite>();
    GATELOG_ASSIGN_OR_RETURN(opened->store_, store::SqliteStore::Open(std::move(options)));
    GATELOG_ASSIGN_OR_RETURN(opened->registry_, store::SqliteRegistry::Open(*opened->store_));
    GATELOG_RETURN_IF_ERROR(store::NoteStoreHere(config.data_dir));
    opened->upkeep_ = std::make_unique<store::SqliteUpkeep>(*opened->store_);
    return opened;
  }

  ports::EventStore& events() override { return *store_; }
  ports::DeviceRegistry& registry() override { return *registry_; }
  ports::EvidenceStore& evidence() override { return *store_; }
  ports::RetentionStore& retention() override { return *store_; }
  ports::StoreUpkeep& upkeep() override { return *upkeep_; }

 private:
  std::unique_ptr<store::SqliteStore> store_;
  std::unique_ptr<store::SqliteRegistry> registry_;
  std::unique_ptr<store::SqliteUpkeep> upkeep_;
};

class Postgres final : public OpenedStore {
 public:
  static absl::StatusOr<std::unique_ptr<OpenedStore>> Open(const config::Config& config) {
    GATELOG_RETURN_IF_ERROR(MakeDataDirectory(config.data_dir));
    auto opened = std::make_unique<Postgres>();
    GATELOG_ASSIGN_OR_RETURN(
        opened->store_,
        postgres::PostgresStore::Open(
            {.url = config.store_url, .readers = static_cast<int>(config.store_readers)}));
    GATELOG_RETURN_IF_ERROR(store::NoteStoreElsewhere(config.data_dir));
    opened->registry_ = std::make_unique<postgres::PostgresRegistry>(*opened->store_);
    opened->upkeep_ = std::make_unique<postgres::PostgresUpkeep>(*opened->store_);
    return opened;
  }

  ports::EventStore& events() override { return *store_; }
  ports::DeviceRegistry& registry() override { return *registry_; }
  ports::EvidenceStore& evidence() override { return unkept_; }
  ports::RetentionStore& retention() override { return *store_; }
  ports::StoreUpkeep& upkeep() override { return *upkeep_; }

 private:
  std::unique_ptr<postgres::PostgresStore> store_;
  std::unique_ptr<postgres::PostgresRegistry> registry_;
  std::unique_ptr<postgres::PostgresUpkeep> upkeep_;
  postgres::Unkept unkept_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<OpenedStore>> OpenStore(const config::Config& config) {
  if (config.store_url.empty()) return Sqlite::Open(config);
  if (absl::StartsWith(config.store_url, "postgresql://") ||
      absl::StartsWith(config.store_url, "postgres://")) {
    return Postgres::Open(config);
  }
  // The URL may hold a password, so it is not shown.
  return absl::InvalidArgumentError(
      "The store's URL (--store) begins with postgresql://; without one the store is SQLite in the "
      "data directory.");
}

}  // namespace gatelog::gatelogd
