#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "apps/gatelog/backup_file.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/progress_line.h"
#include "apps/gatelog/proto_json.h"
#include "apps/gatelog/session.h"
#include "apps/gatelog/store_verbs.h"
#include "base/status_macros.h"
#include "store/sqlite/store_check.h"
#include "store/sqlite/store_restore.h"

namespace gatelog::cli {
namespace {

constexpr double kMiB = 1024.0 * 1024.0;

std::string Bytes(std::uint64_t bytes) {
  return absl::StrCat(
      FormatCount(static_cast<std::uint64_t>(std::ceil(static_cast<double>(bytes) / kMiB))),
      " MiB");
}

// An offline check that tells how far it is and ends on Ctrl-C.
ports::CheckProgress Watched(Session& session, ProgressLineOnTerminal& line) {
  return [&session, &line](std::string_view part, double done) {
    line.ShowShare("Checking " + std::string(part), done);
    return !session.interrupt().requested();
  };
}

// Sentences of the store come as they are.
absl::Status FromStore(const absl::Status& status) {
  if (absl::IsCancelled(status)) return Interrupted();
  return Failed(std::string(status.message()));
}

v1::StoreReport ToWire(const ports::StoreReport& report) {
  v1::StoreReport wire;
  wire.set_incarnation(report.incarnation);
  wire.set_version(report.version);
  wire.set_last_seq(report.last_seq);
  wire.set_first_seq(report.first_seq);
  wire.set_logs(report.logs);
  wire.set_epochs(report.epochs);
  wire.set_events(report.events);
  wire.set_gaps(report.gaps);
  wire.set_missing(report.missing);
  wire.set_images(report.images);
  wire.set_bytes(report.bytes);
  return wire;
}

absl::Status ShowReport(Session& session, const v1::StoreReport& report) {
  if (session.format() != Format::kTable) {
    return ShowObject(session, ToJson(report), FieldColumns(*v1::StoreReport::descriptor()));
  }
  return session.out().Write(FormatPairs({{"check", "OK"},
                                          {"logs", FormatCount(report.logs())},
                                          {"epochs", FormatCount(report.epochs())},
                                          {"events", FormatCount(report.events())},
                                          {"gaps", FormatCount(report.gaps())},
                                          {"missing records", FormatCount(report.missing())},
                                          {"images", FormatCount(report.images())},
                                          {"first seq", FormatCount(report.first_seq())},
                                          {"last seq", FormatCount(report.last_seq())},
                                          {"version", absl::StrCat(report.version())},
                                          {"size", Bytes(report.bytes())}}));
}

absl::Status ReceiveBackup(Session& session, Connection& gateway, BackupFile& file,
                           ProgressLineOnTerminal& line) {
  grpc::ClientContext context;
  const Interrupt::Call call(session.interrupt(), context);
  const auto stream = gateway.store().Backup(&context, v1::BackupRequest());
  v1::BackupResponse message;
  absl::Status written;
  bool whole = false;
  while (written.ok() && stream->Read(&message)) {
    if (message.has_copying()) {
      line.ShowShare("The gateway copies its store:",
                     static_cast<double>(message.copying().bytes_done()) /
                         static_cast<double>(message.copying().bytes()));
    } else if (message.has_end()) {
      whole = message.end().bytes() == file.size();
    } else {
      written = file.Write(message.data());
      line.Show(absl::StrCat("Received ", Bytes(file.size())));
    }
  }
  if (!written.ok()) context.TryCancel();
  const grpc::Status status = stream->Finish();
  GATELOG_RETURN_IF_ERROR(written);
  if (session.interrupt().requested()) return Interrupted();
  GATELOG_RETURN_IF_ERROR(gateway.StreamEnd(status));
  if (!whole) return Failed("The gateway sent less than the whole backup. Try again.");
  return absl::OkStatus();
}

absl::Status Backup(Session& session, const std::string& path) {
  const Interrupt::Watch watch(session.interrupt());
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  GATELOG_ASSIGN_OR_RETURN(BackupFile file, BackupFile::Make(path));
  ProgressLineOnTerminal line;
  GATELOG_RETURN_IF_ERROR(ReceiveBackup(session, *gateway, file, line));
  GATELOG_RETURN_IF_ERROR(file.Complete());
  // A backup is worth what can be read back from it.
  const auto report = store::CheckStoreFile(file.part(), Watched(session, line));
  if (!report.ok()) return FromStore(report.status());
  GATELOG_RETURN_IF_ERROR(file.TakeName());
  line.Clear();
  session.Say(absl::StrCat(path, " holds the whole store: ", FormatCount(report->events),
                           " events, ", FormatCount(report->images), " images, ",
                           Bytes(report->bytes),
                           ". It names people and holds devices' keys: keep it where only you can "
                           "read it."));
  return absl::OkStatus();
}

absl::Status CheckOnline(Session& session) {
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  grpc::ClientContext context;
  const Interrupt::Call call(session.interrupt(), context);
  const auto stream = gateway->store().Check(&context, v1::CheckRequest());
  ProgressLineOnTerminal line;
  v1::CheckResponse message;
  v1::StoreReport report;
  while (stream->Read(&message)) {
    if (message.has_report()) report = message.report();
    if (message.has_checking())
      line.ShowShare("Checking " + message.checking().part(), message.checking().done());
  }
  const grpc::Status status = stream->Finish();
  line.Clear();
  if (session.interrupt().requested()) return Interrupted();
  GATELOG_RETURN_IF_ERROR(gateway->StreamEnd(status));
  return ShowReport(session, report);
}

absl::Status CheckOffline(Session& session, const std::string& path) {
  const Interrupt::Watch watch(session.interrupt());
  ProgressLineOnTerminal line;
  const auto report = store::CheckStoreFile(path, Watched(session, line));
  line.Clear();
  if (!report.ok()) return FromStore(report.status());
  return ShowReport(session, ToWire(*report));
}

absl::Status Restore(Session& session, const std::string& backup, const std::string& directory) {
  const Interrupt::Watch watch(session.interrupt());
  std::error_code ignored;
  const bool exists = std::filesystem::exists(directory + "/gatelog.db", ignored);
  if (exists) {
    GATELOG_RETURN_IF_ERROR(session.Confirm(absl::StrCat(
        "Put the backup in place of the store in ", directory,
        "? What it does not hold is read again from the devices, as far as they still have it.")));
  }
  ProgressLineOnTerminal line;
  const auto restored = store::RestoreStore(backup, directory, exists, Watched(session, line));
  line.Clear();
  if (!restored.ok()) return FromStore(restored.status());
  session.Say(absl::StrCat("The store in ", directory,
                           " is restored: ", FormatCount(restored->report.events), " events, ",
                           FormatCount(restored->report.images),
                           " images. Whoever follows it must begin anew; the gateway says from "
                           "where."));
  if (!restored->replaced.empty()) {
    session.Say(absl::StrCat("What was there before lies in ", restored->replaced,
                             "; remove it when you do not need it any more."));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ShowObject(Session& session, const Json& json,
                        std::vector<std::pair<std::string, std::string>> csv) {
  if (session.format() == Format::kJson) return session.out().Write(FormatJson(json));
  RecordWriter writer = session.Writer({{}, std::move(csv)});
  GATELOG_RETURN_IF_ERROR(writer.Add({{}, json}));
  return writer.Finish();
}

void AddStoreCommands(CLI::App& app, Session& session) {
  CLI::App* noun =
      app.add_subcommand("store", "The gateway's store: backups, checks, restoring, evidence");
  noun->require_subcommand(1);
  auto file = std::make_shared<std::string>();
  auto directory = std::make_shared<std::string>();

  CLI::App* backup =
      AddVerb(*noun, "backup", "Make a whole copy of the store while the gateway runs",
              "  gatelog store backup gatelog-2024-05-01.db\n");
  backup->add_option("FILE", *file, "the new file, on this machine")->required();
  backup->callback(
      [&session, file] { session.run = [&session, file] { return Backup(session, *file); }; });

  CLI::App* check =
      AddVerb(*noun, "check", "Read everything in a store and check that it agrees with itself",
              "  gatelog store check                         the running gateway's\n"
              "  gatelog store check gatelog-2024-05-01.db   a backup\n"
              "  gatelog store check --data-dir DIR          while no gateway runs\n");
  CLI::Option* check_file =
      check->add_option("FILE", *file, "a backup (default: the running gateway's store)");
  check->add_option("--data-dir", *directory, "data directory of a gateway that does not run")
      ->type_name("DIR")
      ->excludes(check_file);
  check->callback([&session, file, directory] {
    session.run = [&session, file, directory] {
      if (!directory->empty()) return CheckOffline(session, *directory + "/gatelog.db");
      return file->empty() ? CheckOnline(session) : CheckOffline(session, *file);
    };
  });

  CLI::App* restore =
      AddVerb(*noun, "restore",
              "Put a backup in place while the gateway does not run; what was there is kept",
              "  gatelog store restore gatelog-2024-05-01.db --data-dir /var/lib/gatelog\n");
  restore->add_option("FILE", *file, "the backup")->required();
  restore->add_option("--data-dir", *directory, "data directory of the gateway")
      ->type_name("DIR")
      ->required();
  restore->callback([&session, file, directory] {
    session.run = [&session, file, directory] { return Restore(session, *file, *directory); };
  });
  AddStoreVerify(*noun, session);
  AddStoreForget(*noun, session);
  AddStorePrune(*noun, session);
}

}  // namespace gatelog::cli
