// A table of fixed-size records that is read in place.
#pragma once

#include <compare>
#include <cstddef>
#include <iterator>
#include <ranges>
#include <utility>

#include "hermitage/entry/bytes.hpp"

namespace hermitage::entry {

// A random-access range of records. Each access decodes a record from its bytes. Record has `static constexpr
// std::size_t kSize` and `static auto decode(ByteView) -> Record`, which gets exactly kSize bytes. The table omits an
// incomplete record at the end.
template <class Record>
class Table {
 public:
  class Iterator {
   public:
    using iterator_concept = std::random_access_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using value_type = Record;
    using difference_type = std::ptrdiff_t;
    using reference = Record;
    using pointer = void;

    constexpr Iterator() noexcept = default;
    constexpr Iterator(ByteView bytes, difference_type index) noexcept : bytes_{bytes}, index_{index} {}

    auto operator*() const noexcept -> Record { return Table{bytes_}[static_cast<std::size_t>(index_)]; }
    auto operator[](difference_type n) const noexcept -> Record { return *(*this + n); }

    constexpr auto operator++() noexcept -> Iterator& { return *this += 1; }
    constexpr auto operator++(int) noexcept -> Iterator { return std::exchange(*this, *this + 1); }
    constexpr auto operator--() noexcept -> Iterator& { return *this -= 1; }
    constexpr auto operator--(int) noexcept -> Iterator { return std::exchange(*this, *this - 1); }
    constexpr auto operator+=(difference_type n) noexcept -> Iterator& {
      index_ += n;
      return *this;
    }
    constexpr auto operator-=(difference_type n) noexcept -> Iterator& { return *this += -n; }

    friend constexpr auto operator+(Iterator it, difference_type n) noexcept -> Iterator { return it += n; }
    friend constexpr auto operator+(difference_type n, Iterator it) noexcept -> Iterator { return it += n; }
    friend constexpr auto operator-(Iterator it, difference_type n) noexcept -> Iterator { return it -= n; }
    friend constexpr auto operator-(Iterator a, Iterator b) noexcept -> difference_type { return a.index_ - b.index_; }
    friend constexpr auto operator==(Iterator a, Iterator b) noexcept -> bool { return a.index_ == b.index_; }
    friend constexpr auto operator<=>(Iterator a, Iterator b) noexcept { return a.index_ <=> b.index_; }

   private:
    ByteView bytes_;
    difference_type index_ = 0;
  };

  constexpr Table() noexcept = default;
  explicit constexpr Table(ByteView bytes) noexcept : bytes_{bytes} {}

  [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return bytes_.size() / Record::kSize; }
  [[nodiscard]] constexpr auto empty() const noexcept -> bool { return size() == 0; }

  // Precondition: index < size().
  [[nodiscard]] auto operator[](std::size_t index) const noexcept -> Record {
    return Record::decode(ByteView{bytes_.bytes().subspan(index * Record::kSize, Record::kSize), bytes_.endian()});
  }

  [[nodiscard]] constexpr auto begin() const noexcept -> Iterator { return {bytes_, 0}; }
  [[nodiscard]] constexpr auto end() const noexcept -> Iterator {
    return {bytes_, static_cast<std::ptrdiff_t>(size())};
  }

  // The first `count` records, or all if there are fewer.
  [[nodiscard]] constexpr auto first(std::size_t count) const noexcept -> Table {
    return count < size() ? Table{ByteView{bytes_.bytes().first(count * Record::kSize), bytes_.endian()}} : *this;
  }

  // The bytes of the table.
  [[nodiscard]] constexpr auto bytes() const noexcept -> ByteView { return bytes_; }

 private:
  ByteView bytes_;
};

}  // namespace hermitage::entry

// The iterators refer to the file, not to the table.
template <class Record>
inline constexpr bool std::ranges::enable_borrowed_range<hermitage::entry::Table<Record>> = true;
template <class Record>
inline constexpr bool std::ranges::enable_view<hermitage::entry::Table<Record>> = true;
