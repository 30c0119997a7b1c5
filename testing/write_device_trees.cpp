// Writes device trees to files, for fuzzing to begin with. By libfdt, which QEMU makes its own with.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <initializer_list>
#include <stdexcept>
#include <string>

extern "C" {
#include <libfdt.h>
}

namespace {

void check(int result) {
  if (result < 0) throw std::runtime_error{fdt_strerror(result)};
}

class Tree {
 public:
  Tree() {
    check(fdt_create(bytes_.data(), static_cast<int>(bytes_.size())));
    check(fdt_add_reservemap_entry(bytes_.data(), 0x8200'0000, 0x1000));
    check(fdt_finish_reservemap(bytes_.data()));
  }

  void begin(const char* node) { check(fdt_begin_node(bytes_.data(), node)); }
  void end() { check(fdt_end_node(bytes_.data())); }
  void text(const char* name, const char* value) {
    check(fdt_property(bytes_.data(), name, value, static_cast<int>(std::strlen(value)) + 1));
  }
  void cells(const char* name, std::initializer_list<std::uint32_t> values) {
    void* place = nullptr;
    check(fdt_property_placeholder(bytes_.data(), name, static_cast<int>(values.size() * sizeof(fdt32_t)), &place));
    auto* bytes = static_cast<std::byte*>(place);
    for (const auto value : values) {
      const auto cell = cpu_to_fdt32(value);
      std::memcpy(bytes, &cell, sizeof cell);
      bytes += sizeof cell;
    }
  }

  void write(const std::string& path) {
    check(fdt_finish(bytes_.data()));
    std::ofstream stream{path, std::ios::binary};
    stream.write(bytes_.data(), fdt_totalsize(bytes_.data()));
    if (!stream.flush()) throw std::runtime_error{"cannot write " + path};
  }

 private:
  std::array<char, 4096> bytes_{};
};

// As those of QEMU's machines `virt`: with an image as ramdisk, or as a module, as bootloaders of Xen pass one on.
void write_machine(const std::string& path, bool has_module) {
  Tree tree;
  tree.begin("");
  tree.cells("#address-cells", {2});
  tree.cells("#size-cells", {2});
  tree.text("compatible", "linux,dummy-virt");
  tree.begin("reserved-memory");
  tree.cells("#address-cells", {2});
  tree.cells("#size-cells", {2});
  tree.cells("ranges", {});
  tree.begin("mmode_resv0@80000000");
  tree.cells("reg", {0, 0x8000'0000, 0, 0x8'0000});
  tree.end();
  tree.end();
  tree.begin("memory@80000000");
  tree.text("device_type", "memory");
  tree.cells("reg", {0, 0x8000'0000, 0, 0x1000'0000, 1, 0, 0, 0x4000'0000});
  tree.end();
  tree.begin("cpus");
  tree.cells("#address-cells", {1});
  tree.cells("#size-cells", {0});
  tree.begin("cpu@0");
  tree.cells("reg", {0});
  tree.end();
  tree.end();
  tree.begin("pl011@9000000");
  tree.text("compatible", "arm,pl011");
  tree.cells("reg", {0, 0x0900'0000, 0, 0x1000});
  tree.end();
  tree.begin("chosen");
  tree.text("stdout-path", "/pl011@9000000:115200");
  tree.text("bootargs", "env=A=b -- c");
  if (has_module) {
    tree.begin("module@88200000");
    tree.text("compatible", "multiboot,module");
    tree.cells("reg", {0, 0x8820'0000, 0, 0x1000});
    tree.end();
  } else {
    tree.cells("linux,initrd-start", {0x8820'0000});
    tree.cells("linux,initrd-end", {0, 0x8820'1000});
  }
  tree.end();
  tree.end();
  tree.write(path);
}

}  // namespace

auto main(int argc, char** argv) -> int {
  if (argc != 2) {
    std::fputs("usage: write_device_trees DIR\n\nWrites device trees of machines to DIR/NAME.dtb.\n", stderr);
    return 2;
  }
  try {
    const std::string directory = argv[1];
    write_machine(directory + "/ramdisk.dtb", false);
    write_machine(directory + "/module.dtb", true);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "write_device_trees: %s\n", error.what());
    return 1;
  }
  return 0;
}
