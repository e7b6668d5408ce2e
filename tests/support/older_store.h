#pragma once

#include <string>

namespace gatelog::testing {

// SQL that makes a store what earlier versions of its tables would be with the same events. Anchors
// stay as they are, which an earlier version would not know.
inline std::string BackToVersion3() { return "DROP TABLE pruned_record; PRAGMA user_version = 3;"; }

inline std::string BackToVersion2() {
  return BackToVersion3() +
         "DROP VIEW events; DROP VIEW image_absences; DROP INDEX image_person; "
         "DROP TABLE secret; DROP TABLE block; DROP TABLE entry; DROP TABLE seal; "
         "DROP TABLE seal_manifest; DROP TABLE erased; DROP TABLE erased_image; "
         "ALTER TABLE event DROP COLUMN mark; ALTER TABLE person DROP COLUMN salt; "
         "ALTER TABLE image DROP COLUMN person; "
         "ALTER TABLE log_state DROP COLUMN epoch_events; "
         "ALTER TABLE log_state DROP COLUMN epoch_gaps; "
         "ALTER TABLE log_state DROP COLUMN epoch_missing; "
         "ALTER TABLE epoch DROP COLUMN events; ALTER TABLE epoch DROP COLUMN gaps; "
         "ALTER TABLE epoch DROP COLUMN missing; PRAGMA user_version = 2;";
}

inline std::string BackToVersion1() {
  return BackToVersion2() +
         "DROP TABLE image_absence; DROP INDEX event_image; "
         "ALTER TABLE log_state DROP COLUMN images_wanted; "
         "ALTER TABLE log_state DROP COLUMN images_absent; PRAGMA user_version = 1;";
}

}  // namespace gatelog::testing
