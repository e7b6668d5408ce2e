#pragma once

#include <string>

#include "model/identity.h"

namespace gatelog::model {

// Why an image that its event promised is not in the store, for good. The numbers are stored: never
// change one.
enum class ImageAbsenceReason : int {
  kAbsent = 1,      // the device had no image of the event
  kMismatched = 2,  // the device's image under this ID is that of another event
  kUnreadable = 3,  // the device gave bytes that are no image
  kEpochOver = 4,   // the device's counter began anew before the image was collected
  kErased = 5,      // the person was erased; the gateway says so, no device does
};

// "absent", "mismatched" and so on.
const char* ImageAbsenceReasonName(ImageAbsenceReason reason);

// An event of which no image will be stored any more.
struct ImageAbsence {
  EventId id = 0;
  ImageAbsenceReason reason = ImageAbsenceReason::kAbsent;

  bool operator==(const ImageAbsence&) const = default;
};

// What is told to somebody who asks for an image that is not stored, each one sentence.
std::string NoSuchEventSentence(const RecordKey& key);
std::string EventWithoutImageSentence(const RecordKey& key);
std::string ImageAwaitedSentence(const RecordKey& key);
std::string ImagePrunedSentence(const RecordKey& key);
std::string ImageAbsentSentence(const RecordKey& key, ImageAbsenceReason reason);

}  // namespace gatelog::model
