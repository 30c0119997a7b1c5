#include "hermitage/vmm/files/file_table.hpp"

#include <algorithm>

namespace hermitage::vmm {

auto FileTable::reserve() -> FileResult<std::int32_t> {
  const std::scoped_lock lock{mutex_};
  auto free = std::ranges::find(slots_, true, &Slot::is_free);
  if (free == slots_.end()) {
    if (slots_.size() == kMaxOpenFiles) return fails(Errno::mfile);
    free = slots_.insert(free, Slot{});
  }
  free->is_free = false;
  return kFirstDescriptor + static_cast<std::int32_t>(free - slots_.begin());
}

void FileTable::fill(std::int32_t descriptor, Opened opened) {
  auto file = std::make_shared<OpenFile>(std::move(opened));
  const std::scoped_lock lock{mutex_};
  slot(descriptor).file = std::move(file);
}

auto FileTable::restore(std::int32_t descriptor, std::shared_ptr<OpenFile> file) -> FileResult<void> {
  const auto index = static_cast<std::int64_t>(descriptor) - kFirstDescriptor;
  if (index < 0 || std::cmp_greater_equal(index, kMaxOpenFiles)) return fails(Errno::mfile);
  const std::scoped_lock lock{mutex_};
  if (std::cmp_greater_equal(index, slots_.size())) slots_.resize(static_cast<std::size_t>(index) + 1);
  slot(descriptor) = Slot{.is_free = false, .file = std::move(file)};
  return {};
}

auto FileTable::all() const -> std::vector<std::pair<std::int32_t, std::shared_ptr<OpenFile>>> {
  const std::scoped_lock lock{mutex_};
  std::vector<std::pair<std::int32_t, std::shared_ptr<OpenFile>>> result;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].file) result.emplace_back(kFirstDescriptor + static_cast<std::int32_t>(i), slots_[i].file);
  }
  return result;
}

void FileTable::release(std::int32_t descriptor) {
  const std::scoped_lock lock{mutex_};
  slot(descriptor).is_free = true;
}

auto FileTable::find(std::int32_t descriptor) const -> FileResult<std::shared_ptr<OpenFile>> {
  const std::scoped_lock lock{mutex_};
  return file_of(descriptor);
}

auto FileTable::file_of(std::int32_t descriptor) const -> FileResult<std::shared_ptr<OpenFile>> {
  const auto index = static_cast<std::int64_t>(descriptor) - kFirstDescriptor;
  if (index < 0 || std::cmp_greater_equal(index, slots_.size())) return fails(Errno::badf);
  const auto& file = slots_[static_cast<std::size_t>(index)].file;
  if (!file) return fails(Errno::badf);
  return file;
}

auto FileTable::close(std::int32_t descriptor) -> FileResult<void> {
  FileResult<std::shared_ptr<OpenFile>> closed;  // is destroyed after the lock
  const std::scoped_lock lock{mutex_};
  closed = file_of(descriptor);
  if (!closed) return fails(closed.error());
  slot(descriptor) = Slot{};
  return {};
}

}  // namespace hermitage::vmm
