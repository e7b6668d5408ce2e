#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/store_verbs.h"
#include "apps/gatelog/time_words.h"
#include "base/status_macros.h"
#include "evidence/seal_key.h"
#include "store/sqlite/store_audit.h"

namespace gatelog::cli {
namespace {

namespace fs = std::filesystem;

struct VerifyOptions {
  std::string file;
  std::string data_dir;
  std::vector<std::string> heads;
  std::vector<std::string> keys;
};

// The data directory of a gateway on this host; the places are those where its CA is looked for.
std::string DefaultDataDir() {
  const auto places = CaPlaces([](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value != nullptr ? value : "");
  });
  for (const std::string& place : places) {
    const fs::path directory = fs::path(place).parent_path().parent_path();
    std::error_code ignored;
    if (fs::exists(directory / "gatelog.db", ignored)) return directory.string();
  }
  return "";
}

absl::StatusOr<std::string> DatabaseOf(const VerifyOptions& options) {
  if (!options.file.empty()) return options.file;
  const std::string directory = options.data_dir.empty() ? DefaultDataDir() : options.data_dir;
  if (directory.empty()) {
    return UsageError(
        "No store was found on this host; name a file, or a directory with --data-dir.");
  }
  return (fs::path(directory) / "gatelog.db").string();
}

absl::StatusOr<std::vector<evidence::HeadLine>> ReadHeads(const std::string& path) {
  std::ifstream stream(path);
  if (!stream) return UsageError(absl::StrCat("The heads in ", path, " cannot be read."));
  std::vector<evidence::HeadLine> heads;
  for (std::string line; std::getline(stream, line);) {
    if (const auto head = evidence::ParseHeadLine(line)) heads.push_back(*head);
  }
  if (heads.empty()) return UsageError(absl::StrCat(path, " holds no line with a head."));
  return heads;
}

absl::StatusOr<store::AuditOptions> AuditOptionsOf(const VerifyOptions& options) {
  store::AuditOptions audit;
  GATELOG_ASSIGN_OR_RETURN(audit.path, DatabaseOf(options));
  std::error_code ignored;
  if (!fs::exists(audit.path, ignored)) {
    return UsageError(absl::StrCat("There is no file ", audit.path, "."));
  }
  std::vector<std::string> key_files = options.keys;
  const fs::path beside = fs::path(audit.path).parent_path() / "cert" / "seal.pub";
  if (key_files.empty() && fs::exists(beside, ignored)) key_files.push_back(beside.string());
  for (const std::string& file : key_files) {
    const auto keys = evidence::LoadPublicKeys(file);
    if (!keys.ok()) return UsageError(std::string(keys.status().message()));
    audit.keys.insert(audit.keys.end(), keys->begin(), keys->end());
  }
  for (const std::string& file : options.heads) {
    GATELOG_ASSIGN_OR_RETURN(const std::vector<evidence::HeadLine> heads, ReadHeads(file));
    audit.heads.insert(audit.heads.end(), heads.begin(), heads.end());
  }
  return audit;
}

Json ToJson(const store::AuditReport& report, bool keys_given) {
  Json json{{"blocks", report.blocks},
            {"events", report.events},
            {"entries", report.entries},
            {"seals", report.seals},
            {"erased_events", report.erased_events},
            {"erased_images", report.erased_images},
            {"pruned_events", report.pruned_events},
            {"heads_compared", report.heads_compared},
            {"head", evidence::Hex(evidence::BytesOf(report.head.digest))},
            {"head_time_ms", report.head_time_ms},
            {"unsealed_blocks", report.unsealed_blocks},
            {"unsealed_events", report.unsealed_events},
            {"keys_given", keys_given}};
  json["keys"] = Json::array();
  for (const evidence::Digest& key : report.keys) {
    json["keys"].push_back(evidence::Hex(evidence::BytesOf(key)));
  }
  if (report.last_seal) json["last_seal_ms"] = report.last_seal->time_ms;
  return json;
}

std::vector<std::pair<std::string, std::string>> AuditColumns() {
  std::vector<std::pair<std::string, std::string>> columns;
  for (const char* name :
       {"blocks", "events", "entries", "seals", "erased_events", "erased_images", "pruned_events",
        "heads_compared", "head", "head_time_ms", "unsealed_blocks", "unsealed_events",
        "keys_given", "keys", "last_seal_ms"}) {
    columns.emplace_back(name, absl::StrCat("/", name));
  }
  return columns;
}

std::string KeyWords(const store::AuditReport& report, bool keys_given) {
  std::vector<std::string> keys;
  for (const evidence::Digest& key : report.keys) {
    keys.push_back(evidence::Hex(evidence::BytesOf(key)));
  }
  if (keys.empty()) return "";
  return absl::StrCat(absl::StrJoin(keys, ", "),
                      keys_given ? "" : "  (not compared with a key of yours: --key seal.pub)");
}

std::string Words(const store::AuditReport& report, bool keys_given, absl::TimeZone zone) {
  const auto count = [](std::uint64_t number) {
    return number == 0 ? std::string() : FormatCount(number);
  };
  const std::string unsealed =
      report.unsealed_blocks == 0
          ? "nothing"
          : absl::StrCat(FormatCount(report.unsealed_blocks), " commits with ",
                         FormatCount(report.unsealed_events), " events");
  return FormatPairs(
      {{"events", FormatCount(report.events)},
       {"other entries", FormatCount(report.entries)},
       {"commits", FormatCount(report.blocks)},
       {"seals", FormatCount(report.seals)},
       {"erased events", count(report.erased_events)},
       {"erased images", count(report.erased_images)},
       {"pruned events", count(report.pruned_events)},
       {"head", evidence::Hex(evidence::BytesOf(report.head.digest))},
       {"of", FormatMilliseconds(report.head_time_ms, zone)},
       {"last seal", report.last_seal ? FormatMilliseconds(report.last_seal->time_ms, zone) : ""},
       {"sealed with", KeyWords(report, keys_given)},
       {"not yet sealed", unsealed},
       {"heads compared", count(report.heads_compared)}});
}

void ShowProgress(std::uint64_t done, std::uint64_t all) {
  if (isatty(STDERR_FILENO) == 0 || all == 0) return;
  std::fprintf(stderr, "\r%3.0f %%", 100.0 * static_cast<double>(done) / static_cast<double>(all));
  if (done >= all) std::fprintf(stderr, "\r     \r");
}

absl::Status Verify(Session& session, const VerifyOptions& options) {
  GATELOG_ASSIGN_OR_RETURN(store::AuditOptions audit, AuditOptionsOf(options));
  const Interrupt::Watch watch(session.interrupt());
  audit.progress = [&session](std::uint64_t done, std::uint64_t all) {
    ShowProgress(done, all);
    return !session.interrupt().requested();
  };
  const absl::StatusOr<store::AuditReport> report = store::AuditStore(audit);
  if (absl::IsCancelled(report.status())) return Interrupted();
  if (absl::IsDataLoss(report.status())) {
    return Failed(absl::StrCat(audit.path, " is not as it was committed: ",
                               report.status().message(), ". Keep a copy of the file as it is."));
  }
  if (!report.ok()) return Failed(std::string(report.status().message()));
  const bool keys_given = !audit.keys.empty();
  if (session.format() != Format::kTable) {
    return ShowObject(session, ToJson(*report, keys_given), AuditColumns());
  }
  GATELOG_RETURN_IF_ERROR(session.out().Write(Words(*report, keys_given, session.zone())));
  session.Say("Every value is as it was committed.");
  return absl::OkStatus();
}

}  // namespace

void AddStoreVerify(CLI::App& noun, Session& session) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* verify =
      AddVerb(noun, "verify", "Find any value of a store that is not what was committed",
              "  gatelog store verify\n"
              "  gatelog store verify backup.db --key seal.pub\n"
              "  gatelog store verify --heads /mnt/elsewhere/heads\n");
  verify->add_option("FILE", options->file,
                     "a store, or a backup of one (default: the store of this host's gateway)");
  verify->add_option("--data-dir", options->data_dir, "data directory of the gateway, instead")
      ->type_name("DIR")
      ->envname("GATELOG_DATA_DIR");
  verify
      ->add_option("--heads", options->heads,
                   "file with heads that were kept elsewhere, or a log that has them")
      ->type_name("FILE");
  verify
      ->add_option("--key", options->keys,
                   "public key of the seals (default: cert/seal.pub beside the store)")
      ->type_name("FILE");
  verify->callback([&session, options] {
    session.run = [&session, options] { return Verify(session, *options); };
  });
}

}  // namespace gatelog::cli
