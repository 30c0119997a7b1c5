#include "testing/archives.hpp"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <stdexcept>

#include <zlib.h>

namespace hermitage::testing {
namespace {

constexpr std::size_t kBlockSize = 512;
constexpr int kGzip = 16;

using Bytes = std::vector<std::byte>;

void append(Bytes& bytes, std::string_view text) {
  const auto view = std::as_bytes(std::span{text});
  bytes.insert(bytes.end(), view.begin(), view.end());
}

void pad(Bytes& bytes) {
  bytes.resize((bytes.size() + kBlockSize - 1) / kBlockSize * kBlockSize);
}

auto octal(std::uint64_t number, int digits) -> std::string {
  char text[32];
  std::snprintf(text, sizeof text, "%0*llo", digits, static_cast<unsigned long long>(number));
  return text;
}

auto header(const TarEntry& entry) -> std::string {
  std::string block(kBlockSize, '\0');
  const auto put = [&block](std::size_t at, std::size_t size, std::string_view text) {
    std::ranges::copy(text.substr(0, size), block.begin() + static_cast<std::ptrdiff_t>(at));
  };
  put(0, 100, entry.name);
  put(100, 8, octal(entry.mode, 7));
  put(108, 8, octal(1000, 7));
  put(116, 8, octal(1000, 7));
  put(124, 12, octal(entry.size.value_or(entry.contents.size()), 11));
  put(136, 12, octal(1'700'000'000, 11));
  put(148, 8, "        ");
  put(156, 1, {&entry.type, 1});
  put(157, 100, entry.target);
  put(257, 8, std::string_view{"ustar\00000", 8});
  const auto sum = std::accumulate(block.begin(), block.end(), 0U,
                                   [](unsigned so_far, char c) { return so_far + static_cast<unsigned char>(c); });
  put(148, 7, octal(sum, 6) + '\0');
  return block;
}

// Runs zlib over all of the bytes.
template <class Step>
auto transform(z_stream& stream, std::span<const std::byte> bytes, Step step) -> Bytes {
  Bytes result;
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  for (int status = Z_OK; status == Z_OK;) {
    const auto size = result.size();
    result.resize(size + 65536);
    stream.next_out = reinterpret_cast<Bytef*>(result.data() + size);
    stream.avail_out = 65536;
    status = step(&stream);
    result.resize(result.size() - stream.avail_out);
    if (status != Z_OK && status != Z_STREAM_END) throw std::runtime_error{"zlib fails"};
  }
  return result;
}

}  // namespace

auto tar(std::span<const TarEntry> entries) -> Bytes {
  Bytes bytes;
  for (const auto& entry : entries) {
    append(bytes, header(entry));
    append(bytes, entry.contents);
    pad(bytes);
  }
  bytes.resize(bytes.size() + 2 * kBlockSize);
  return bytes;
}

auto gzip(std::span<const std::byte> bytes) -> Bytes {
  z_stream stream{};
  ::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzip, 8, Z_DEFAULT_STRATEGY);
  auto result = transform(stream, bytes, [](z_stream* at) { return ::deflate(at, Z_FINISH); });
  ::deflateEnd(&stream);
  return result;
}

auto gunzip(std::span<const std::byte> bytes) -> Bytes {
  z_stream stream{};
  ::inflateInit2(&stream, MAX_WBITS + kGzip);
  auto result = transform(stream, bytes, [](z_stream* at) { return ::inflate(at, Z_NO_FLUSH); });
  ::inflateEnd(&stream);
  return result;
}

auto packed(std::span<const TarEntry> entries) -> Bytes {
  return gzip(tar(entries));
}

auto image_with(std::span<const TarEntry> entries, std::string_view kernel) -> Bytes {
  std::vector<TarEntry> all{{.name = "hermit.toml", .contents = std::string{kMinimalConfig}},
                            {.name = "kernel", .contents = std::string{kernel}}};
  all.insert(all.end(), entries.begin(), entries.end());
  return packed(all);
}

auto sample_archives() -> std::vector<NamedArchive> {
  const TarEntry file{.name = "./etc/motd", .contents = "hello\n"};
  const std::string long_name(200, 'x');
  const auto whole = image_with({});
  std::vector<NamedArchive> archives{
      {"right", image_with({{file, {.name = "/usr/", .type = '5', .mode = 0755}}})},
      {"links", image_with({{file,
                             {.name = "soft", .type = '2', .target = "etc/motd"},
                             {.name = "etc/up", .type = '2', .target = "../kernel"},
                             {.name = "hard", .type = '1', .target = "etc/motd"}}})},
      {"twice", image_with({{file, file}})},
      {"gnu-long-name", image_with({{{.name = "././@LongLink", .contents = long_name, .type = 'L'},
                                     {.name = long_name.substr(0, 100), .contents = "x"}}})},
      {"pax-long-name", image_with({{{.name = "PaxHeader", .contents = "210 path=" + long_name + "\n", .type = 'x'},
                                     {.name = long_name.substr(0, 100), .contents = "x"}}})},
      {"outside", image_with({{{.name = "../file"}}})},
      {"link-outside", image_with({{{.name = "link", .type = '2', .target = "../../etc/passwd"}}})},
      {"device", image_with({{{.name = "null", .type = '3'}}})},
      {"conflict", image_with({{file, {.name = "etc/motd/file"}}})},
      {"cut", {whole.begin(), whole.end() - 9}},
      {"garbage-behind", whole},
  };
  append(archives.back().bytes, "garbage");
  return archives;
}

}  // namespace hermitage::testing
