#include "api/gatelog/upkeep_stream.h"

#include "api/gatelog/store_service.h"
#include "api/rpc/grpc_status.h"

namespace gatelog::api {
namespace {

namespace v1 = gatelog::v1;

void FillReport(const ports::StoreReport& report, v1::StoreReport& wire) {
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
}

}  // namespace

void BackupStream::Work() {
  auto copy = upkeep().Copy([this](std::uint64_t done, std::uint64_t bytes) {
    v1::BackupResponse message;
    message.mutable_copying()->set_bytes_done(done);
    message.mutable_copying()->set_bytes(bytes);
    return Tell(std::move(message));
  });
  if (!copy.ok()) return End(ToGrpcStatus(copy.status()));
  {
    MutexLock lock(mutex_);
    copy_ = *std::move(copy);
  }
  Wake();
}

bool BackupStream::Next(v1::BackupResponse& message, bool& /*more*/) {
  if (TakeTold(message)) return true;
  {
    MutexLock lock(mutex_);
    if (all_sent_) {
      copy_.reset();
    } else if (chunk_) {
      all_sent_ = chunk_->empty();
      message.Clear();
      if (all_sent_) {
        message.mutable_end()->set_bytes(copy_->size());
      } else {
        message.set_data(*std::move(chunk_));
      }
      chunk_.reset();
      return true;
    } else if (copy_ == nullptr || reading_) {
      return false;
    } else {
      reading_ = true;
    }
    if (!all_sent_) {
      Post([](UpkeepStream& self) { static_cast<BackupStream&>(self).ReadChunk(); });
      return false;
    }
  }
  End(grpc::Status::OK);
  return false;
}

void BackupStream::ReadChunk() {
  ports::StoreCopy* copy = nullptr;
  {
    MutexLock lock(mutex_);
    copy = copy_.get();
  }
  // Only this reads it until the chunk is handed over.
  absl::StatusOr<std::string> chunk = copy->Read(kBackupChunkBytes);
  if (!chunk.ok()) return End(ToGrpcStatus(chunk.status()));
  {
    MutexLock lock(mutex_);
    reading_ = false;
    chunk_ = *std::move(chunk);
  }
  Wake();
}

void CheckStream::Work() {
  const auto report = upkeep().Check([this](std::string_view part, double done) {
    v1::CheckResponse message;
    message.mutable_checking()->set_part(std::string(part));
    message.mutable_checking()->set_done(done);
    return Tell(std::move(message));
  });
  if (!report.ok()) return End(ToGrpcStatus(report.status()));
  {
    MutexLock lock(mutex_);
    FillReport(*report, *report_.emplace().mutable_report());
  }
  Wake();
}

bool CheckStream::Next(v1::CheckResponse& message, bool& /*more*/) {
  if (TakeTold(message)) return true;
  {
    MutexLock lock(mutex_);
    if (report_) {
      message = *std::move(report_);
      report_.reset();
      reported_ = true;
      return true;
    }
    if (!reported_) return false;
  }
  End(grpc::Status::OK);
  return false;
}

}  // namespace gatelog::api
