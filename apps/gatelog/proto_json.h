#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>
#include <utility>
#include <vector>

#include "apps/gatelog/output.h"

namespace gatelog::cli {

// The message with its field names as they stand in the proto files. Every plain field is there,
// also when it is zero; a message that is not set is left out. Enums are names, or numbers when
// unknown; bytes are base64; 64-bit numbers stay numbers, so that other programs can compare them.
Json ToJson(const google::protobuf::Message& message);

// Every field of such a message as a CSV column, in the order of the proto file.
std::vector<std::pair<std::string, std::string>> FieldColumns(
    const google::protobuf::Descriptor& descriptor);

}  // namespace gatelog::cli
