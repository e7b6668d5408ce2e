#include "api/gatelog/events_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "api/gatelog/event_count.h"
#include "api/gatelog/event_filter.h"
#include "api/gatelog/follow_stream.h"
#include "api/gatelog/page_token.h"
#include "api/gatelog/wire_event.h"
#include "api/rpc/call.h"
#include "api/rpc/wire.h"
#include "base/status_macros.h"

namespace gatelog::api {
namespace {

namespace v1 = gatelog::v1;

absl::StatusOr<std::uint32_t> PageSize(std::uint32_t wanted, std::uint32_t usual,
                                       std::uint32_t max) {
  if (wanted > max) {
    return absl::InvalidArgumentError(
        fmt::format("A page of {} was asked for; at most {} are given at a time.", wanted, max));
  }
  return wanted == 0 ? usual : wanted;
}

// Distinguishes the query whose pages a token goes through.
std::uint64_t FingerprintOf(const v1::QueryRequest& request) {
  return Fingerprint(request.filter().SerializeAsString() + (request.newest_first() ? "n" : "o"));
}

std::uint64_t FingerprintOf(const v1::ListGapsRequest& request) {
  v1::ListGapsRequest question;
  *question.mutable_log_device_ids() = request.log_device_ids();
  return Fingerprint(question.SerializeAsString());
}

absl::Status OtherQuery() {
  return absl::InvalidArgumentError(
      "The page token belongs to another query. Use the filter and order that it was given for.");
}

absl::StatusOr<ports::EventQuery> ToEventQuery(const v1::QueryRequest& request,
                                               model::Incarnation incarnation) {
  ports::EventQuery query;
  GATELOG_ASSIGN_OR_RETURN(query.filter, ToEventFilter(request.filter()));
  GATELOG_ASSIGN_OR_RETURN(query.limit,
                           PageSize(request.page_size(), kQueryPageDefault, ports::kQueryLimitMax));
  query.order = request.newest_first() ? ports::Order::kNewestFirst : ports::Order::kOldestFirst;
  if (request.page_token().empty()) return query;
  GATELOG_ASSIGN_OR_RETURN(const QueryToken token, ParseQueryToken(request.page_token()));
  if (token.query != FingerprintOf(request)) return OtherQuery();
  if (token.position.incarnation != incarnation) {
    return absl::OutOfRangeError(
        "The page token is from another store. Begin at the first page again.");
  }
  (request.newest_first() ? query.before_seq : query.after_seq) = token.position.seq;
  return query;
}

// An encoded gatelog.v1.QueryResponse.
grpc::ByteBuffer ToQueryResponse(const ports::EventPage& page, model::Incarnation incarnation,
                                 std::uint64_t fingerprint) {
  std::size_t size = 0;
  for (const ports::StoredEvent& event : page.events) size += WireSize(event);
  std::string reply;
  reply.reserve(std::min(size, kMessageBytesMax) + kTokenSizeMax);
  std::uint64_t reached = page.seq_reached;
  bool more = page.more;
  std::uint64_t last = 0;
  for (const ports::StoredEvent& event : page.events) {
    if (reply.size() + WireSize(event) > kMessageBytesMax && !reply.empty()) {
      more = true;
      reached = last;
      break;
    }
    AppendStoredEvent(event, reply);
    last = event.seq;
  }
  if (more) AppendText(FormatToken(QueryToken{{incarnation, reached}, fingerprint}), reply);
  const grpc::Slice slice = SliceOf(std::move(reply));
  return {&slice, 1};
}

void FillGap(const model::Gap& gap, v1::Gap& wire) {
  wire.set_log_device_id(gap.log_device);
  wire.set_epoch(gap.epoch);
  wire.set_first_id(gap.first);
  wire.set_last_id(gap.last);
  wire.set_reason(static_cast<v1::GapReason>(gap.reason));  // the numbers are the same
  wire.set_found_ms(gap.found.time_since_epoch().count());
  wire.set_raw(gap.raw);
}

absl::StatusOr<v1::ListGapsResponse> ListGapsFrom(ports::EventStore& store,
                                                  const v1::ListGapsRequest& request) {
  GATELOG_ASSIGN_OR_RETURN(const std::uint32_t limit,
                           PageSize(request.page_size(), kGapPageDefault, kGapPageMax));
  if (request.log_device_ids_size() > kFilterValuesMax) {
    return absl::InvalidArgumentError(
        fmt::format("At most {} devices can be named.", kFilterValuesMax));
  }
  GapToken token{.position = {}, .query = FingerprintOf(request)};
  if (!request.page_token().empty()) {
    GATELOG_ASSIGN_OR_RETURN(token, ParseGapToken(request.page_token()));
    if (token.query != FingerprintOf(request)) return OtherQuery();
  }
  const std::vector<model::DeviceId> devices(request.log_device_ids().begin(),
                                             request.log_device_ids().end());
  // One more than wanted shows whether there is another page.
  GATELOG_ASSIGN_OR_RETURN(const std::vector<model::Gap> gaps,
                           store.ReadGaps(devices, token.position, limit + 1));
  v1::ListGapsResponse reply;
  std::size_t bytes = 0;
  for (const model::Gap& gap : gaps) {
    constexpr std::size_t kGapSize = 64;  // of a gap on the wire without its raw bytes, at most
    bytes += kGapSize + gap.raw.size();
    const auto count = static_cast<std::uint32_t>(reply.gaps_size());
    if (count == limit || (bytes > kMessageBytesMax && count > 0)) {
      reply.set_next_page_token(FormatToken(token));
      break;
    }
    FillGap(gap, *reply.add_gaps());
    token.position = {gap.log_device, gap.epoch, gap.first};
  }
  return reply;
}

absl::StatusOr<v1::GetTotalsResponse> GetTotalsFrom(ports::EventStore& store) {
  v1::GetTotalsResponse reply;
  reply.set_last_seq(store.last_seq());
  GATELOG_ASSIGN_OR_RETURN(const std::vector<ports::LogTotals> totals, store.ReadTotals());
  for (const ports::LogTotals& log : totals) {
    reply.set_events(reply.events() + log.events);
    reply.set_images(reply.images() + log.images);
    reply.set_images_wanted(reply.images_wanted() + log.images_wanted);
    reply.set_images_absent(reply.images_absent() + log.images_absent);
    reply.set_gaps(reply.gaps() + log.gaps);
    reply.set_missing(reply.missing() + log.missing);
    reply.set_epochs(reply.epochs() + log.epochs);
  }
  return reply;
}

constexpr std::string_view kNow = "now";

// Where a Follow begins: from the oldest event, from now, or after a cursor.
absl::StatusOr<model::Cursor> BeginningOf(const v1::FollowRequest& request,
                                          const core::EventReader& reader) {
  if (request.cursor().empty()) return reader.Beginning();
  if (request.cursor() == kNow) return reader.Now();
  return model::ParseCursor(request.cursor());
}

}  // namespace

template <typename Response, typename Read>
EventsService::Unary* EventsService::Answer(Response* response, Read read, Lane& lane) {
  return StartCall(response, [&](UnaryCall<Response> call) {
    if (lane.waiting.fetch_add(1) >= lane.waiting_max) {
      --lane.waiting;
      ++lane.refused;
      return call.Finish(absl::ResourceExhaustedError(
          fmt::format("{} {} wait for the store already, which is the limit. Try again soon.",
                      lane.waiting_max, lane.calls)));
    }
    auto work = [&lane, call = std::move(call),
                 read = std::move(read)](ports::EventStore& store) mutable {
      --lane.waiting;
      if (call.cancelled()) return;
      absl::StatusOr<Response> reply = read(store, call.stop_token());
      reply.ok() ? call.Reply(*std::move(reply)) : call.Finish(reply.status());
    };
    lane.lasting ? reader_.PostLong(std::move(work)) : reader_.Post(std::move(work));
  });
}

EventsService::Unary* EventsService::Query(Context*, const Bytes* request, Bytes* response) {
  v1::QueryRequest wanted;
  const absl::Status parsed = ParseRequest(*request, wanted);
  return Answer(response,
                [this, parsed, wanted](ports::EventStore& store,
                                       std::stop_token stop) -> absl::StatusOr<grpc::ByteBuffer> {
                  GATELOG_RETURN_IF_ERROR(parsed);
                  GATELOG_ASSIGN_OR_RETURN(ports::EventQuery query,
                                           ToEventQuery(wanted, store.incarnation()));
                  query.stop = std::move(stop);
                  query.payload_alone = true;
                  GATELOG_ASSIGN_OR_RETURN(const ports::EventPage page,
                                           reader_.ReadPage(std::move(query)));
                  return ToQueryResponse(page, store.incarnation(), FingerprintOf(wanted));
                });
}

EventsService::Unary* EventsService::Count(Context*, const v1::CountRequest* request,
                                           v1::CountResponse* response) {
  return Answer(
      response,
      [wanted = *request](ports::EventStore& store,
                          std::stop_token stop) -> absl::StatusOr<v1::CountResponse> {
        GATELOG_ASSIGN_OR_RETURN(core::TallyQuery query, ToTallyQuery(wanted));
        query.stop = std::move(stop);
        GATELOG_ASSIGN_OR_RETURN(const std::vector<core::TallyRow> rows, core::Tally(store, query));
        return ToCountResponse(rows);
      },
      counts_);
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* EventsService::Follow(Context*, const Bytes* request) {
  auto stream = std::make_shared<FollowStream>();
  FollowStream* bare = stream.get();
  stream->Start(streams_);
  v1::FollowRequest wanted;
  if (const absl::Status parsed = ParseRequest(*request, wanted); !parsed.ok()) {
    stream->End(ToGrpcStatus(parsed));
    return bare;
  }
  const auto cursor = BeginningOf(wanted, reader_);
  auto filter = ToEventFilter(wanted.filter());
  if (cursor.ok() && filter.ok()) {
    stream->Follow(reader_, *cursor, *std::move(filter), wanted.cursor() == kNow);
  } else {
    stream->End(ToGrpcStatus(cursor.ok() ? filter.status() : cursor.status()));
  }
  return bare;
}

EventsService::Unary* EventsService::ListGaps(Context*, const v1::ListGapsRequest* request,
                                              v1::ListGapsResponse* response) {
  return Answer(response, [wanted = *request](ports::EventStore& store, const std::stop_token&) {
    return ListGapsFrom(store, wanted);
  });
}

EventsService::Unary* EventsService::GetImage(Context*, const v1::GetImageRequest* request,
                                              v1::GetImageResponse* response) {
  return Answer(
      response,
      [wanted = *request](ports::EventStore& store,
                          const std::stop_token&) -> absl::StatusOr<v1::GetImageResponse> {
        if (wanted.log_device_id() == 0 || wanted.event_id() == 0) {
          return absl::InvalidArgumentError(
              "log_device_id and event_id must name the event; neither can be 0.");
        }
        GATELOG_ASSIGN_OR_RETURN(
            const auto found,
            store.ReadImage({wanted.log_device_id(), wanted.epoch(), wanted.event_id()}));
        v1::GetImageResponse reply;
        reply.set_jpeg(std::string(model::ImageJpeg(found.second.payload)));
        reply.set_epoch(found.first.epoch);
        return reply;
      });
}

EventsService::Unary* EventsService::GetTotals(Context*, const v1::GetTotalsRequest*,
                                               v1::GetTotalsResponse* response) {
  return Answer(response, [](ports::EventStore& store, const std::stop_token&) {
    return GetTotalsFrom(store);
  });
}

}  // namespace gatelog::api
