#include "device/terminal/open_request.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "device/terminal/link_codec.h"
#include "device/terminal/terminal_options.h"
#include "device/terminal/tls_context.h"
#include "model/event.h"

namespace gatelog::terminal {
namespace {

using ports::Reply;

template <typename... Parts>
absl::Status Violation(const Parts&... parts) {
  return absl::InternalError(absl::StrCat(parts...));
}

absl::Status WrongFrame() {
  return Violation("a request was answered with a frame of another kind");
}

// What all requests have in common: the value that grows and the reply that takes it.
template <typename T>
class ValueRequest : public OpenRequest {
 public:
  explicit ValueRequest(Reply<absl::StatusOr<T>> reply) : reply_(std::move(reply)) {}

  void Succeed() final { std::exchange(reply_, nullptr)(std::move(value_)); }
  void Fail(const absl::Status& status) final { std::exchange(reply_, nullptr)(status); }

 protected:
  T value_{};

 private:
  Reply<absl::StatusOr<T>> reply_;
};

class StatusRequest final : public ValueRequest<model::LogStatus> {
 public:
  using ValueRequest::ValueRequest;

  absl::StatusOr<Progress> Take(Frame& frame) override {
    if (!frame.has_log_status()) return WrongFrame();
    GATELOG_ASSIGN_OR_RETURN(value_, DecodeLogStatus(frame.log_status()));
    return Progress::kComplete;
  }
};

class FiltersRequest final : public ValueRequest<std::vector<std::string>> {
 public:
  using ValueRequest::ValueRequest;

  absl::StatusOr<Progress> Take(Frame& frame) override {
    if (!frame.has_image_filters()) return WrongFrame();
    auto& filters = *frame.mutable_image_filters()->mutable_filters();
    value_.assign(std::make_move_iterator(filters.begin()), std::make_move_iterator(filters.end()));
    return Progress::kComplete;
  }
};

class DoneRequest final : public OpenRequest {
 public:
  explicit DoneRequest(Reply<absl::Status> reply) : reply_(std::move(reply)) {}

  absl::StatusOr<Progress> Take(Frame& frame) override {
    if (!frame.has_done()) return WrongFrame();
    return Progress::kComplete;
  }
  absl::Status Decode(const v1::Error& error) const override { return DecodeClientError(error); }
  void Succeed() override { std::exchange(reply_, nullptr)(absl::OkStatus()); }
  void Fail(const absl::Status& status) override { std::exchange(reply_, nullptr)(status); }

 private:
  Reply<absl::Status> reply_;
};

// Holds the limits of a read that comes in chunks.
class ReadLimits {
 public:
  ReadLimits(model::EventId from, std::uint32_t max) : lowest_(from), left_(max) {}

  // One more record or image of this size. ID 0: it cannot be told, the order is then not checked.
  absl::Status Admit(model::EventId id, std::size_t size) {
    if (left_ == 0) return Violation("a read gave more than was asked for");
    --left_;
    bytes_ += size;
    if (bytes_ > kPageBytesMax) return Violation("a read gave more than ", kPageBytesMax, " bytes");
    if (id == 0) return absl::OkStatus();
    if (id < lowest_) {
      return Violation("a read gave ID ", id, " where ", lowest_, " or a higher one was due");
    }
    lowest_ = std::uint64_t{id} + 1;
    return absl::OkStatus();
  }

 private:
  std::uint64_t lowest_;  // that may come next; 64 bits, for one above the highest ID
  std::uint32_t left_;
  std::size_t bytes_ = 0;
};

class LogRequest final : public ValueRequest<ports::LogPage> {
 public:
  LogRequest(model::EventId from, std::uint32_t max, Reply<absl::StatusOr<ports::LogPage>> reply)
      : ValueRequest(std::move(reply)), limits_(from, max) {}

  bool in_chunks() const override { return true; }

  absl::StatusOr<Progress> Take(Frame& frame) override {
    if (!frame.has_log_chunk()) return WrongFrame();
    const v1::LogChunk& chunk = frame.log_chunk();
    if (chunk.ids_size() != chunk.records_size()) {
      return Violation("a chunk has ", chunk.ids_size(), " IDs and ", chunk.records_size(),
                       " records");
    }
    if (chunk.ids_size() == 0 && !chunk.has_last()) return Violation("a chunk is empty");
    for (int i = 0; i < chunk.ids_size(); ++i) {
      if (chunk.ids(i) == 0) return Violation("a chunk has a record with ID 0");
      GATELOG_RETURN_IF_ERROR(limits_.Admit(chunk.ids(i), chunk.records(i).size()));
      value_.Append(chunk.ids(i), chunk.records(i));
    }
    if (!chunk.has_last()) return Progress::kMore;
    GATELOG_ASSIGN_OR_RETURN(value_.status, DecodeLogStatus(chunk.last()));
    return Progress::kComplete;
  }

 private:
  ReadLimits limits_;
};

class ImageRequest final : public ValueRequest<std::vector<std::string>> {
 public:
  ImageRequest(model::EventId from, std::uint32_t max,
               Reply<absl::StatusOr<std::vector<std::string>>> reply)
      : ValueRequest(std::move(reply)), limits_(from, max) {}

  bool in_chunks() const override { return true; }

  absl::StatusOr<Progress> Take(Frame& frame) override {
    if (!frame.has_image_chunk()) return WrongFrame();
    v1::ImageChunk& chunk = *frame.mutable_image_chunk();
    if (chunk.images().empty() && !chunk.last()) return Violation("a chunk is empty");
    for (std::string& image : *chunk.mutable_images()) {
      // An image that cannot be read stops nothing: whoever asked decides. Its ID is field 1, as a
      // record's is.
      GATELOG_RETURN_IF_ERROR(limits_.Admit(model::ParseEventId(image), image.size()));
      value_.push_back(std::move(image));
    }
    return chunk.last() ? Progress::kComplete : Progress::kMore;
  }

 private:
  ReadLimits limits_;
};

class TlsRequest final : public ValueRequest<std::string> {
 public:
  using ValueRequest::ValueRequest;

  absl::StatusOr<Progress> Take(Frame& frame) override {
    if (!frame.has_tls_enabled()) return WrongFrame();
    const std::string& certificate = frame.tls_enabled().certificate();
    if (certificate.empty() || certificate.size() > kCertificateSizeMax) {
      return Violation("a certificate has ", certificate.size(), " bytes");
    }
    value_ = CertificateDigest(certificate);
    return Progress::kComplete;
  }
};

class AnswerRequest final : public ValueRequest<std::string> {
 public:
  AnswerRequest(std::shared_ptr<AnswerRoom> room, Reply<absl::StatusOr<std::string>> reply)
      : ValueRequest(std::move(reply)), share_(std::move(room)) {}

  absl::StatusOr<Progress> Take(Frame& frame) override {
    if (!frame.has_answer()) return WrongFrame();
    const v1::Answer& part = frame.answer();
    if (part.response().empty() && part.more()) return Violation("a part of an answer is empty");
    if (part.response().size() > kCallPartSizeMax) {
      return Violation("a part of an answer has more than ", kCallPartSizeMax, " bytes");
    }
    if (value_.size() + part.response().size() > ports::kCallSizeMax) {
      return Violation("an answer has more than ", ports::kCallSizeMax, " bytes");
    }
    if (!share_.Take(part.response().size())) return Progress::kNoRoom;
    value_.append(part.response());
    return part.more() ? Progress::kMore : Progress::kComplete;
  }

  absl::Status Decode(const v1::Error& error) const override { return DecodeClientError(error); }

 private:
  AnswerRoom::Share share_;
};

}  // namespace

absl::Status OpenRequest::Decode(const v1::Error& error) const { return DecodeError(error); }

std::unique_ptr<OpenRequest> ExpectDoneAsText(Reply<absl::StatusOr<std::string>> reply) {
  return ExpectDone([reply = std::move(reply)](absl::Status status) mutable {
    if (status.ok()) {
      reply(std::string());
    } else {
      reply(std::move(status));
    }
  });
}

std::unique_ptr<OpenRequest> ExpectTlsEnabled(Reply<absl::StatusOr<std::string>> reply) {
  return std::make_unique<TlsRequest>(std::move(reply));
}

std::unique_ptr<OpenRequest> ExpectStatus(Reply<absl::StatusOr<model::LogStatus>> reply) {
  return std::make_unique<StatusRequest>(std::move(reply));
}

std::unique_ptr<OpenRequest> ExpectDone(Reply<absl::Status> reply) {
  return std::make_unique<DoneRequest>(std::move(reply));
}

std::unique_ptr<OpenRequest> ExpectFilters(Reply<absl::StatusOr<std::vector<std::string>>> reply) {
  return std::make_unique<FiltersRequest>(std::move(reply));
}

std::unique_ptr<OpenRequest> ExpectLog(model::EventId from, std::uint32_t max,
                                       Reply<absl::StatusOr<ports::LogPage>> reply) {
  return std::make_unique<LogRequest>(from, max, std::move(reply));
}

std::unique_ptr<OpenRequest> ExpectImages(model::EventId from, std::uint32_t max,
                                          Reply<absl::StatusOr<std::vector<std::string>>> reply) {
  return std::make_unique<ImageRequest>(from, max, std::move(reply));
}

std::unique_ptr<OpenRequest> ExpectAnswer(std::shared_ptr<AnswerRoom> room,
                                          Reply<absl::StatusOr<std::string>> reply) {
  return std::make_unique<AnswerRequest>(std::move(room), std::move(reply));
}

}  // namespace gatelog::terminal
