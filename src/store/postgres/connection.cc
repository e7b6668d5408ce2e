#include "store/postgres/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::postgres {
namespace {

constexpr Oid kByteaType = 17;
constexpr Oid kBigintType = 20;
constexpr Oid kOidType = 26;

void AppendBigEndian(std::uint64_t number, std::size_t bytes, std::string& out) {
  for (std::size_t i = bytes; i > 0; --i) out.push_back(static_cast<char>(number >> (8 * (i - 1))));
}

// As above, of a number as wide as it is.
template <typename T>
void AppendWhole(T number, std::string& out) {
  if constexpr (std::endian::native == std::endian::little) {
    if constexpr (sizeof(T) == 2) number = __builtin_bswap16(number);
    if constexpr (sizeof(T) == 4) number = __builtin_bswap32(number);
    if constexpr (sizeof(T) == 8) number = __builtin_bswap64(number);
  }
  std::array<char, sizeof(T)> bytes;
  std::memcpy(bytes.data(), &number, sizeof(T));
  out.append(bytes.data(), bytes.size());
}

// A one-dimensional array without NULLs, before its elements.
std::string ArrayHeader(Oid type, std::size_t elements) {
  std::string out;
  AppendBigEndian(elements == 0 ? 0 : 1, 4, out);  // dimensions
  AppendBigEndian(0, 4, out);                      // no NULLs
  AppendBigEndian(type, 4, out);
  if (elements == 0) return out;
  AppendBigEndian(elements, 4, out);
  AppendBigEndian(1, 4, out);  // the first one's number
  return out;
}

// A message of the server or of libpq as one line.
std::string OneLine(std::string_view message) {
  std::string line;
  for (const char c : message) {
    const bool space = c == '\n' || c == '\t' || c == '\r' || c == ' ';
    if (!space) {
      line.push_back(c);
    } else if (!line.empty() && line.back() != ' ') {
      line.push_back(' ');
    }
  }
  while (!line.empty() && (line.back() == ' ' || line.back() == '.')) line.pop_back();
  return line;
}

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// What the class or code of an SQLSTATE means for the caller.
absl::StatusCode CodeOf(std::string_view state) {
  constexpr std::pair<std::string_view, absl::StatusCode> kMeanings[] = {
      {"57014", absl::StatusCode::kCancelled},
      {"53300", absl::StatusCode::kUnavailable},  // too many sessions
      {"53", absl::StatusCode::kResourceExhausted},
      {"57", absl::StatusCode::kUnavailable},  // the server is being stopped or started
      {"08", absl::StatusCode::kUnavailable},
      {"58", absl::StatusCode::kUnavailable},     // I/O error
      {"25006", absl::StatusCode::kUnavailable},  // it became a standby
      {"55P03", absl::StatusCode::kUnavailable},  // somebody holds a lock for too long
      {"XX001", absl::StatusCode::kDataLoss},
      {"XX002", absl::StatusCode::kDataLoss},
      {"42501", absl::StatusCode::kPermissionDenied},
      {"22", absl::StatusCode::kInvalidArgument},
      {"23505", absl::StatusCode::kAborted},
      {"42P01", absl::StatusCode::kAborted},  // a partition that was dropped meanwhile
      {"40", absl::StatusCode::kAborted},
  };
  for (const auto& [prefix, code] : kMeanings) {
    if (state.substr(0, prefix.size()) == prefix) return code;
  }
  return absl::StatusCode::kInternal;
}

const char* AdviceFor(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return "; the gateway goes on by itself when the server does.";
    case absl::StatusCode::kResourceExhausted:
      return "; give the server space, and the gateway goes on by itself.";
    case absl::StatusCode::kDataLoss:
      return "; keep a copy of the server's files and restore a backup.";
    case absl::StatusCode::kPermissionDenied:
      return "; an administrator of the server must grant it to the gateway's role.";
    default:
      return ".";
  }
}

std::string NameOf(PGconn* handle) {
  const auto text = [](const char* value) { return std::string(value == nullptr ? "" : value); };
  std::string host = text(PQhost(handle));
  const bool local = host.empty() || host[0] == '/';
  const std::string at = local ? "on this machine" : absl::StrCat("at ", host, ":", PQport(handle));
  return absl::StrCat("PostgreSQL database ", text(PQdb(handle)), " ", at);
}

// Tells the thread that waits for the server that nobody waits for it any more.
class StopSignal {
 public:
  explicit StopSignal(const std::stop_token& stop) {
    if (!stop.stop_possible()) return;
    fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd_ >= 0) callback_.emplace(stop, Wake{fd_});
  }
  ~StopSignal() {
    callback_.reset();
    if (fd_ >= 0) close(fd_);
  }
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  int fd() const { return fd_; }

 private:
  struct Wake {
    int fd;
    void operator()() const {
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto written = write(fd, &one, sizeof(one));
    }
  };

  int fd_ = -1;
  std::optional<std::stop_callback<Wake>> callback_;
};

void CancelOnServer(PGconn* handle) {
  const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> cancel(PQgetCancel(handle),
                                                                  PQfreeCancel);
  std::array<char, 256> error{};
  // If it cannot be asked, the statement ends by itself.
  if (cancel) PQcancel(cancel.get(), error.data(), static_cast<int>(error.size()));
}

}  // namespace

Params& Params::Add(std::int64_t number) {
  values_.push_back(std::to_string(number));
  formats_.push_back(0);
  return *this;
}

Params& Params::AddBinary(std::string value) {
  values_.push_back(std::move(value));
  formats_.push_back(1);
  return *this;
}

Params& Params::AddBytes(std::string_view bytes) { return AddBinary(std::string(bytes)); }

Params& Params::AddNumbers(std::span<const std::int64_t> numbers) {
  std::string array = ArrayHeader(kBigintType, numbers.size());
  for (const std::int64_t number : numbers) {
    AppendBigEndian(sizeof(number), 4, array);
    AppendBigEndian(static_cast<std::uint64_t>(number), sizeof(number), array);
  }
  return AddBinary(std::move(array));
}

Params& Params::AddOids(std::span<const std::uint32_t> numbers) {
  std::string array = ArrayHeader(kOidType, numbers.size());
  for (const std::uint32_t number : numbers) {
    AppendBigEndian(sizeof(number), 4, array);
    AppendBigEndian(number, sizeof(number), array);
  }
  return AddBinary(std::move(array));
}

Params& Params::AddBytesList(std::span<const std::string> list) {
  const std::vector<std::string_view> views(list.begin(), list.end());
  return AddBytesList(std::span<const std::string_view>(views));
}

Params& Params::AddBytesList(std::span<const std::string_view> list) {
  std::string array = ArrayHeader(kByteaType, list.size());
  for (const std::string_view bytes : list) {
    AppendBigEndian(bytes.size(), 4, array);
    array.append(bytes);
  }
  return AddBinary(std::move(array));
}

std::string Params::last() const { return absl::StrCat("$", values_.size()); }

bool Result::IsNull(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) != 0;
}

std::int64_t Result::Integer(int row, int column) const {
  const std::string_view bytes = Bytes(row, column);
  std::uint64_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
  switch (bytes.size()) {
    case 2:
      return static_cast<std::int16_t>(number);
    case 4:
      return PQftype(result_.get(), column) == kOidType ? static_cast<std::int64_t>(number)
                                                        : static_cast<std::int32_t>(number);
    default:
      return static_cast<std::int64_t>(number);
  }
}

std::string_view Result::Bytes(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::string_view Result::command() const { return PQcmdStatus(result_.get()); }

std::int64_t Result::changed() const {
  const std::string_view text = PQcmdTuples(result_.get());
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const Options& options) {
  // The URL may change what stands before it, not what stands after.
  const std::string timeout = std::to_string(kConnectSeconds);
  const char* const keys[] = {"connect_timeout",  "keepalives_idle",  "keepalives_interval",
                              "keepalives_count", "tcp_user_timeout", "dbname",
                              "application_name", "client_encoding",  nullptr};
  const char* const values[] = {timeout.c_str(),
                                "10",
                                "5",
                                "3",
                                "15000",
                                options.url.c_str(),
                                options.application_name.c_str(),
                                "UTF8",
                                nullptr};
  std::unique_ptr<Connection> connection(new Connection(PQconnectdbParams(keys, values, 1)));
  PGconn* handle = connection->handle_;
  if (handle == nullptr) return absl::ResourceExhaustedError("No memory is left.");
  connection->name_ = NameOf(handle);
  if (PQstatus(handle) != CONNECTION_OK) {
    return absl::UnavailableError(absl::StrCat(
        "The ", connection->name_, " cannot be reached: ", OneLine(PQerrorMessage(handle)), "."));
  }
  PQsetNoticeProcessor(
      handle, [](void*, const char*) {}, nullptr);
  return connection;
}

Connection::~Connection() { PQfinish(handle_); }

bool Connection::alive() const { return PQstatus(handle_) == CONNECTION_OK; }

absl::Status Connection::SendError() {
  last_error_.clear();
  return absl::UnavailableError(absl::StrCat("The ", name_, " is away (",
                                             OneLine(PQerrorMessage(handle_)), ")",
                                             AdviceFor(absl::StatusCode::kUnavailable)));
}

absl::Status Connection::ErrorOf(const PGresult* result) {
  const char* state = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (state == nullptr) return SendError();
  last_error_ = state;
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const absl::StatusCode code = CodeOf(last_error_);
  if (code == absl::StatusCode::kCancelled) return absl::CancelledError("The read was given up.");
  return {code, absl::StrCat("The ", name_, " says: ", OneLine(primary == nullptr ? "" : primary),
                             " (", last_error_, ")", AdviceFor(code))};
}

void Connection::WaitReadable(const std::stop_token& stop) {
  const StopSignal signal(stop);
  bool asked = false;
  while (PQisBusy(handle_) != 0) {
    std::array<pollfd, 2> waits = {pollfd{PQsocket(handle_), POLLIN, 0},
                                   pollfd{signal.fd(), POLLIN, 0}};
    const nfds_t count = signal.fd() >= 0 && !asked ? 2 : 1;
    if (poll(waits.data(), count, -1) < 0 && errno != EINTR) return;
    if (count == 2 && waits[1].revents != 0) {
      CancelOnServer(handle_);
      asked = interrupted_ = true;
    }
    if (waits[0].revents != 0 && PQconsumeInput(handle_) == 0) return;
  }
}

absl::StatusOr<Result> Connection::Await(const std::stop_token& stop) {
  std::optional<Result> last;
  absl::Status error;
  while (true) {
    WaitReadable(stop);
    PGresult* raw = PQgetResult(handle_);
    if (raw == nullptr) break;
    Result result(raw);
    const ExecStatusType status = PQresultStatus(raw);
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
      if (error.ok()) error = ErrorOf(raw);
    } else {
      last.emplace(std::move(result));
    }
    if (status == PGRES_COPY_IN) break;  // there is more when the rows have been sent
  }
  GATELOG_RETURN_IF_ERROR(error);
  if (!last || !alive()) return SendError();
  return *std::move(last);
}

absl::Status Connection::Execute(const std::string& sql, const std::stop_token& stop) {
  if (PQsendQuery(handle_, sql.c_str()) == 0) return SendError();
  return Await(stop).status();
}

absl::StatusOr<const char*> Connection::Prepare(const std::string& sql,
                                                const std::stop_token& stop) {
  const auto known = prepared_.find(sql);
  if (known != prepared_.end()) return known->second.c_str();
  if (prepared_.size() >= kPreparedMax) {
    GATELOG_RETURN_IF_ERROR(Execute("DEALLOCATE ALL"));
    prepared_.clear();
  }
  std::string name = absl::StrCat("s", prepared_.size());
  if (PQsendPrepare(handle_, name.c_str(), sql.c_str(), 0, nullptr) == 0) return SendError();
  GATELOG_RETURN_IF_ERROR(Await(stop).status());
  return prepared_.emplace(sql, std::move(name)).first->second.c_str();
}

absl::StatusOr<Result> Connection::Query(const std::string& sql, const Params& params,
                                         const std::stop_token& stop) {
  if (stop.stop_requested()) return absl::CancelledError("The read was given up.");
  GATELOG_ASSIGN_OR_RETURN(const char* name, Prepare(sql, stop));
  std::vector<const char*> values;
  std::vector<int> lengths;
  for (const std::string& value : params.values_) {
    values.push_back(value.c_str());
    lengths.push_back(static_cast<int>(value.size()));
  }
  constexpr int kBinary = 1;
  if (PQsendQueryPrepared(handle_, name, params.size(), values.data(), lengths.data(),
                          params.formats_.data(), kBinary) == 0) {
    return SendError();
  }
  absl::StatusOr<Result> result = Await(stop);
  // What came before the server heard of the stop is not asked for any more.
  if (stop.stop_requested()) return absl::CancelledError("The read was given up.");
  return result;
}

absl::StatusOr<std::int64_t> Connection::QueryInteger(const std::string& sql,
                                                      const Params& params) {
  GATELOG_ASSIGN_OR_RETURN(const Result result, Query(sql, params));
  return result.rows() == 0 ? 0 : result.Integer(0, 0);
}

absl::StatusOr<std::string> Connection::QueryText(const std::string& sql) {
  GATELOG_ASSIGN_OR_RETURN(const Result result, Query(sql));
  return result.rows() == 0 ? std::string() : std::string(result.Bytes(0, 0));
}

absl::Status Connection::CopyIn(const std::string& sql, std::string_view rows) {
  GATELOG_RETURN_IF_ERROR(BeginCopy(sql));
  GATELOG_RETURN_IF_ERROR(SendCopy(rows));
  return EndCopy();
}

absl::Status Connection::BeginCopy(const std::string& sql) {
  if (PQsendQuery(handle_, sql.c_str()) == 0) return SendError();
  return Await({}).status();
}

absl::Status Connection::SendCopy(std::string_view rows) {
  constexpr std::size_t kChunkBytes = 1024 * 1024;
  while (!rows.empty()) {
    const std::string_view chunk = rows.substr(0, kChunkBytes);
    rows.remove_prefix(chunk.size());
    // An error that came meanwhile is told at the end.
    if (PQputCopyData(handle_, chunk.data(), static_cast<int>(chunk.size())) != 1) break;
  }
  return absl::OkStatus();
}

absl::Status Connection::EndCopy() {
  if (PQputCopyEnd(handle_, nullptr) != 1) return SendError();
  return Await({}).status();
}

absl::Status Connection::SendCommit() {
  return PQsendQuery(handle_, "COMMIT") == 0 ? SendError() : absl::OkStatus();
}

absl::Status Connection::AwaitCommit() {
  GATELOG_ASSIGN_OR_RETURN(const Result result, Await({}));
  // A transaction in which something failed ends with ROLLBACK, without an error.
  if (result.command() == "COMMIT") return absl::OkStatus();
  return absl::InternalError(absl::StrCat("The ", name_, " did not commit the transaction."));
}

absl::Status Transaction::Begin(std::string_view mode) {
  return connection_->Execute(absl::StrCat("BEGIN ", View(mode)));
}

absl::StatusOr<std::string> Transaction::BeginNumbered() {
  constexpr char kSql[] = "BEGIN; SELECT pg_current_xact_id()";
  if (PQsendQuery(connection_->handle_, kSql) == 0) return connection_->SendError();
  GATELOG_ASSIGN_OR_RETURN(const Result number, connection_->Await({}));
  return std::string(number.Bytes(0, 0));
}

absl::Status Transaction::Commit() {
  GATELOG_RETURN_IF_ERROR(connection_->SendCommit());
  return std::exchange(connection_, nullptr)->AwaitCommit();
}

Transaction::~Transaction() {
  // If this fails the session is over, and the transaction with it.
  if (connection_ != nullptr && connection_->alive()) {
    (void)connection_->Execute("ROLLBACK");
  }
}

BinaryRows::BinaryRows() : bytes_("PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0", 19) {}

void BinaryRows::BeginRow(int columns) { AppendWhole(static_cast<std::uint16_t>(columns), bytes_); }

void BinaryRows::AddInt16(std::int64_t value) {
  constexpr std::uint32_t kSize = 2;
  AppendWhole(kSize, bytes_);
  AppendWhole(static_cast<std::uint16_t>(value), bytes_);
}

void BinaryRows::AddInt32(std::int64_t value) {
  constexpr std::uint64_t kSize = 4;
  AppendWhole(kSize << 32 | static_cast<std::uint32_t>(value), bytes_);
}

void BinaryRows::AddInt64(std::int64_t value) {
  AppendWhole(std::uint32_t{8}, bytes_);
  AppendWhole(static_cast<std::uint64_t>(value), bytes_);
}

void BinaryRows::AddBytes(std::string_view bytes) {
  AppendWhole(static_cast<std::uint32_t>(bytes.size()), bytes_);
  bytes_.append(bytes);
}

void BinaryRows::AddNull() { AppendWhole(std::uint32_t{0xFFFF'FFFF}, bytes_); }

std::string_view BinaryRows::Finish() {
  AppendWhole(std::uint16_t{0xFFFF}, bytes_);
  return bytes_;
}

}  // namespace gatelog::postgres
