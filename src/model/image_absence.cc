#include "model/image_absence.h"

namespace gatelog::model {
namespace {

std::string EventWords(const RecordKey& key) {
  return "event " + std::to_string(key.id) + " of device " + std::to_string(key.log_device);
}

}  // namespace

const char* ImageAbsenceReasonName(ImageAbsenceReason reason) {
  switch (reason) {
    case ImageAbsenceReason::kAbsent:
      return "absent";
    case ImageAbsenceReason::kMismatched:
      return "mismatched";
    case ImageAbsenceReason::kUnreadable:
      return "unreadable";
    case ImageAbsenceReason::kEpochOver:
      return "epoch_over";
    case ImageAbsenceReason::kErased:
      return "erased";
  }
  return "unknown";
}

std::string NoSuchEventSentence(const RecordKey& key) {
  return "There is no image, because " + EventWords(key) + " is not stored.";
}

std::string EventWithoutImageSentence(const RecordKey& key) {
  return "The device took no image with " + EventWords(key) + ".";
}

std::string ImageAwaitedSentence(const RecordKey& key) {
  return "The image of " + EventWords(key) +
         " has not been collected yet; it is asked for while the device is connected.";
}

std::string ImagePrunedSentence(const RecordKey& key) {
  return "The image of " + EventWords(key) +
         " is not kept any more: images that arrived so long ago were pruned.";
}

std::string ImageAbsentSentence(const RecordKey& key, ImageAbsenceReason reason) {
  switch (reason) {
    case ImageAbsenceReason::kAbsent:
      return "The device no longer had the image of " + EventWords(key) +
             " when the gateway asked for it.";
    case ImageAbsenceReason::kMismatched:
      return "The image that the device held under the ID of " + EventWords(key) +
             " is that of another event, so it was not stored.";
    case ImageAbsenceReason::kUnreadable:
      return "The device's image of " + EventWords(key) +
             " could not be read, so it was not stored.";
    case ImageAbsenceReason::kEpochOver:
      return "The device's log began anew before the image of " + EventWords(key) +
             " was collected.";
    case ImageAbsenceReason::kErased:
      return "The image of " + EventWords(key) +
             " was erased, with all that tells who the person was.";
  }
  return "There is no image of " + EventWords(key) + ".";
}

}  // namespace gatelog::model
