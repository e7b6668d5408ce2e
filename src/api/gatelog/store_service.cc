#include "api/gatelog/store_service.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "api/gatelog/upkeep_stream.h"
#include "api/rpc/call.h"
#include "evidence/entry.h"

namespace gatelog::api {
namespace {

constexpr std::size_t kUserIdSizeMax = 4'096;  // bytes; what a record can hold

Timestamp Time(std::int64_t milliseconds) {
  return Timestamp(std::chrono::milliseconds(milliseconds));
}

core::Retention::Wishes WishesOf(const gatelog::v1::PruneRequest& request) {
  core::Retention::Wishes wishes;
  if (request.has_events_days()) wishes.events.days = request.events_days();
  if (request.has_events_before_ms()) wishes.events.before = Time(request.events_before_ms());
  if (request.has_images_days()) wishes.images.days = request.images_days();
  if (request.has_images_before_ms()) wishes.images.before = Time(request.images_before_ms());
  if (request.has_people_days()) wishes.people.days = request.people_days();
  if (request.has_people_before_ms()) wishes.people.before = Time(request.people_before_ms());
  return wishes;
}

std::int64_t Milliseconds(const std::optional<Timestamp>& time) {
  return time ? time->time_since_epoch().count() : 0;
}

gatelog::v1::PruneResponse ToWire(const ports::Pruned& pruned) {
  gatelog::v1::PruneResponse wire;
  wire.set_segments(pruned.segments);
  wire.set_events(pruned.events);
  wire.set_images(pruned.images);
  wire.set_people(pruned.people);
  wire.set_bytes(pruned.bytes);
  wire.set_oldest_arrival_ms(Milliseconds(pruned.oldest));
  wire.set_newest_arrival_ms(Milliseconds(pruned.newest));
  return wire;
}

template <typename Stream>
Stream* Begin(ports::StoreUpkeep& upkeep, Executor& worker,
              const std::shared_ptr<std::atomic<bool>>& busy, StreamRegistry& streams) {
  auto stream = std::make_shared<Stream>(upkeep, worker, busy);
  stream->Start(streams);
  stream->Run();
  return stream.get();  // keeps itself alive
}

}  // namespace

grpc::ServerWriteReactor<gatelog::v1::BackupResponse>* StoreService::Backup(
    Context*, const gatelog::v1::BackupRequest*) {
  return Begin<BackupStream>(upkeep_, worker_, busy_, streams_);
}

grpc::ServerWriteReactor<gatelog::v1::CheckResponse>* StoreService::Check(
    Context*, const gatelog::v1::CheckRequest*) {
  return Begin<CheckStream>(upkeep_, worker_, busy_, streams_);
}

grpc::ServerUnaryReactor* StoreService::Forget(Context*, const gatelog::v1::ForgetRequest* request,
                                               gatelog::v1::ForgetResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    if (wanted.user_id().empty() || wanted.user_id().size() > kUserIdSizeMax) {
      return call.Finish(absl::InvalidArgumentError("user_id must name the user to be forgotten."));
    }
    if (wanted.requested_by().size() > evidence::kEntryTextMax) {
      return call.Finish(absl::InvalidArgumentError("requested_by is too long."));
    }
    sealing_.Forget(wanted.user_id(), wanted.requested_by(),
                    [call = std::move(call)](absl::StatusOr<ports::Erased> erased) mutable {
                      if (!erased.ok()) return call.Finish(erased.status());
                      gatelog::v1::ForgetResponse reply;
                      reply.set_events(erased->events);
                      reply.set_images(erased->images);
                      reply.set_files_clean(erased->files_clean);
                      call.Reply(std::move(reply));
                    });
  });
}

grpc::ServerUnaryReactor* StoreService::Prune(Context*, const gatelog::v1::PruneRequest* request,
                                              gatelog::v1::PruneResponse* response) {
  // Looking through the store may take long, so it is not done where devices wait.
  Executor& where = request->dry_run() ? worker_ : loop_;
  return StartCallOn(where, *request, response, [this](const auto& wanted, auto call) {
    if (wanted.requested_by().size() > evidence::kEntryTextMax) {
      return call.Finish(absl::InvalidArgumentError("requested_by is too long."));
    }
    auto finish = [call = std::move(call)](const absl::StatusOr<ports::Pruned>& pruned) mutable {
      if (!pruned.ok()) return call.Finish(pruned.status());
      call.Reply(ToWire(*pruned));
    };
    if (wanted.dry_run()) return finish(retention_.Preview(WishesOf(wanted)));
    retention_.Prune(WishesOf(wanted), wanted.requested_by(), std::move(finish));
  });
}

}  // namespace gatelog::api
