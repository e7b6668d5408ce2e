#pragma once

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/support/byte_buffer.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

#include "api/rpc/call.h"

namespace gatelog::api {

// A service of which only some methods are served; the others answer UNIMPLEMENTED, in a sentence
// that names them.
template <typename Service>
class PartlyServed : public Service {
 protected:
  // Once, in the constructor. `served` are names of unary methods; `reason` ends the sentence of
  // the others. Streams have to be served.
  void RefuseAllBut(const char* service, std::initializer_list<std::string_view> served,
                    std::string_view reason) {
    const google::protobuf::ServiceDescriptor* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(service);
    for (int i = 0; i < descriptor->method_count(); ++i) {
      const google::protobuf::MethodDescriptor* method = descriptor->method(i);
      if (method->server_streaming() ||
          std::find(served.begin(), served.end(), method->name()) != served.end()) {
        continue;
      }
      Refuse(i, fmt::format("{} is not served in this version of gatelog{}{}.", method->full_name(),
                            reason.empty() ? "" : ": ", reason));
    }
  }

 private:
  void Refuse(int index, const std::string& sentence) {
    using Handler = grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer, grpc::ByteBuffer>;
    this->MarkMethodRawCallback(
        index, new Handler([sentence](grpc::CallbackServerContext*, const grpc::ByteBuffer*,
                                      grpc::ByteBuffer* response) {
          return StartCall(response, [&](UnaryCall<grpc::ByteBuffer> call) {
            call.Finish(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, sentence));
          });
        }));
  }
};

}  // namespace gatelog::api
