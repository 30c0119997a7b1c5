// The state of GuestFiles. Only its sources include this file.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "hermitage/vmm/files/guest_files.hpp"
#include "hermitage/vmm/files/host_file.hpp"
#include "hermitage/vmm/files/private_directory.hpp"
#include "hermitage/vmm/files/temporary_file.hpp"

namespace hermitage::vmm {

// The file in a node, or null.
inline auto temporary_file_of(const std::shared_ptr<Node>& node) -> TemporaryFile* {
  const auto* const file = node ? std::get_if<std::shared_ptr<TemporaryFile>>(&node->what) : nullptr;
  return file == nullptr ? nullptr : file->get();
}

inline auto host_file_of(const std::shared_ptr<Node>& node) -> HostFile* {
  const auto* const file = node ? std::get_if<std::shared_ptr<HostFile>>(&node->what) : nullptr;
  return file == nullptr ? nullptr : file->get();
}

class GuestFiles::State {
 public:
  explicit State(GuestFileOptions options) : options_{std::move(options)} {}

  GuestTree tree;
  FileTable table;

  void add_open_paths(const std::vector<isolation::OpenPath>& paths) {
    mapped_.insert(mapped_.end(), paths.begin(), paths.end());
  }

  // Calls act(place) with the place of a path. If that fails and another thread has changed the tree there, tries again
  // with the new state.
  template <class Act>
  auto at(std::string_view path, bool follow, const Act& act) -> std::invoke_result_t<Act, const Place&> {
    for (;;) {
      const auto place = tree.find(path, follow);
      if (!place) return fails(place.error());
      auto result = act(*place);
      if (result) return result;
      // A node that prevented the creation may have been removed again.
      const bool was_made =
          place->kind == Place::Kind::nothing && !place->position.mapping && result.error() == Errno::exist;
      if (!was_made && tree.is_current(*place)) return result;
    }
  }

  auto open_paths() -> std::vector<isolation::OpenPath>;
  auto attributes(const std::shared_ptr<Node>& node) -> FileResult<entry::uhyve::v2::FileAttr>;

  auto save() -> Result<SavedFiles>;
  auto restore(const SavedFiles& saved, bool accepts_changed) -> Result<void>;

  auto open(std::string_view path, std::int32_t flags, mode_t mode) -> FileResult<Opened>;
  auto unlink(const Place& place) -> FileResult<void>;
  auto mkdir(const Place& place) -> FileResult<void>;
  auto stat(const Place& place) -> FileResult<entry::uhyve::v2::FileAttr>;

 private:
  auto private_directory() -> FileResult<int>;
  [[nodiscard]] auto cache_flags() const -> int;
  // For a TemporaryFile, which appends without the host's O_APPEND, and is created with a name that the monitor
  // chooses.
  [[nodiscard]] auto temporary_flags(std::int32_t flags) const -> int;
  // Creates a file with the flags of the guest, and opens it.
  auto make_temporary_file(std::int32_t flags) -> FileResult<std::pair<std::shared_ptr<TemporaryFile>, Descriptor>>;
  auto open_temporary_file(TemporaryFile& file, std::int32_t flags) -> FileResult<Descriptor>;
  auto remove_temporary_file(const TemporaryFile& file) -> FileResult<void>;

  auto save_node(const std::string& path, const Node& node, SavedFiles& saved, std::uint64_t& room) -> Result<void>;
  auto save_open_file(std::int32_t descriptor, const OpenFile& file) -> Result<SavedOpenFile>;
  auto restore_node(const SavedNode& node) -> Result<void>;
  auto restore_open_file(const SavedOpenFile& saved, bool accepts_changed) -> Result<void>;

  auto open(const Place& place, std::int32_t flags, mode_t mode) -> FileResult<Opened>;
  auto open_directory(const Place& place) -> FileResult<Opened>;
  auto open_on_host(int directory, const std::string& name, bool is_read_only, std::int32_t flags, mode_t mode)
      -> FileResult<Opened>;
  auto open_host_file(HostFile& file, std::int32_t flags, mode_t mode) -> FileResult<Opened>;
  auto open_node(const std::shared_ptr<Node>& node, std::int32_t flags) -> FileResult<Opened>;
  auto make_file(const Place& place, std::int32_t flags) -> FileResult<Opened>;

  GuestFileOptions options_;
  std::vector<isolation::OpenPath> mapped_;
  std::once_flag private_directory_is_made_;                               // it is made when it is needed
  std::optional<std::expected<PrivateDirectory, int>> private_directory_;  // constant after it is made
  std::shared_ptr<Room> room_ = std::make_shared<Room>(options_.temporary_limit);
  std::atomic<std::uint64_t> temporary_file_count_ = 0;
};

}  // namespace hermitage::vmm
