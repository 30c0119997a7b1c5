// A timeline as a file for Perfetto.
#pragma once

#include <string>

#include "hermitage/vmm/observe/timeline.hpp"

namespace hermitage::cli {

// Chrome's trace event format: JSON with one process, and a thread for each track that has events. Times are in
// microseconds from the first event. Text from the guest is escaped; bytes that are not UTF-8 are replaced.
[[nodiscard]] auto timeline_json(const vmm::observe::Timeline& timeline, const std::string& image) -> std::string;

// A sentence about events that are not in the timeline, because its rings were full. Empty if there are none.
[[nodiscard]] auto dropped_events_text(const vmm::observe::Timeline& timeline) -> std::string;

}  // namespace hermitage::cli
