#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "api/rpc/stream_registry.h"
#include "core/query/event_reader.h"
#include "gatelog/v1/events.grpc.pb.h"

namespace gatelog::api {

inline constexpr std::uint32_t kQueryPageDefault = 1'000;
inline constexpr std::uint32_t kGapPageDefault = 1'000;
inline constexpr std::uint32_t kGapPageMax = 10'000;
inline constexpr std::uint32_t kFollowBatchMax = 8'192;  // events of one read
inline constexpr std::size_t kMessageBytesMax =
    3 * 1024 * 1024 - 64 * 1024;       // of events or gaps; clients take 4 MiB
inline constexpr int kReadsMax = 64;   // calls that wait for the store
inline constexpr int kCountsMax = 16;  // counts that wait for it

// Events travel as bytes: these methods see requests and replies encoded.
using RawEventsService = gatelog::v1::Events::WithRawCallbackMethod_Query<
    gatelog::v1::Events::WithRawCallbackMethod_Follow<gatelog::v1::Events::CallbackService>>;

// gatelog.v1.Events: the stored events.
//
// gRPC calls it on its own threads; what may block runs where EventReader runs it. The reader must
// outlive the server.
class EventsService final : public RawEventsService {
 public:
  explicit EventsService(core::EventReader& reader) : reader_(reader) {}

  // Ends the open streams with UNAVAILABLE. Any thread, before the server's Shutdown.
  void Shutdown() { streams_.Shutdown(); }

  std::size_t follow_streams() const { return streams_.size(); }

  // Calls refused since the start because as many of their kind waited already as may. Any thread.
  std::uint64_t reads_refused() const { return reads_.refused; }
  std::uint64_t counts_refused() const { return counts_.refused; }

 private:
  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;
  using Bytes = grpc::ByteBuffer;

  Unary* Query(Context* context, const Bytes* request, Bytes* response) override;
  grpc::ServerWriteReactor<Bytes>* Follow(Context* context, const Bytes* request) override;
  Unary* Count(Context* context, const gatelog::v1::CountRequest* request,
               gatelog::v1::CountResponse* response) override;
  Unary* ListGaps(Context* context, const gatelog::v1::ListGapsRequest* request,
                  gatelog::v1::ListGapsResponse* response) override;
  Unary* GetImage(Context* context, const gatelog::v1::GetImageRequest* request,
                  gatelog::v1::GetImageResponse* response) override;
  Unary* GetTotals(Context* context, const gatelog::v1::GetTotalsRequest* request,
                   gatelog::v1::GetTotalsResponse* response) override;

  // Calls that wait for the store in one queue.
  struct Lane {
    bool lasting;  // long enough to keep pages and followers waiting
    const char* calls;
    int waiting_max;
    std::atomic<int> waiting = 0;
    std::atomic<std::uint64_t> refused = 0;
  };
  // Runs `read(store, stop)`, which gives a StatusOr<Response>, where it may block, and answers
  // with it. `stop` is requested when nobody waits any more. kResourceExhausted when as many calls
  // wait in the lane already as may.
  template <typename Response, typename Read>
  Unary* Answer(Response* response, Read read, Lane& lane);
  template <typename Response, typename Read>
  Unary* Answer(Response* response, Read read) {
    return Answer(response, std::move(read), reads_);
  }

  core::EventReader& reader_;
  Lane reads_{false, "calls", kReadsMax};
  Lane counts_{true, "counts", kCountsMax};
  StreamRegistry streams_{kStreamsMax};
};

}  // namespace gatelog::api
