// More than 500 lines: the registers of one device share one lock and one state, and are specified together
// (virtio 1.2, 4.1.4).
#include "hermitage/vmm/devices/virtio/pci_transport.hpp"

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "hermitage/vmm/devices/virtio/constants.hpp"

namespace hermitage::vmm::virtio {
namespace {

using entry::Endian;

constexpr std::uint16_t kVendor = 0x1af4;
constexpr std::uint16_t kFirstModernDevice = 0x1040;
constexpr std::uint8_t kRevision = 1;
constexpr unsigned kBar = 0;

// The layout of the BAR: one page for each part.
constexpr std::uint64_t kPage = 0x1000;
constexpr std::uint64_t kCommonOffset = 0x0000;
constexpr std::uint64_t kIsrOffset = 0x1000;
constexpr std::uint64_t kDeviceOffset = 0x2000;
constexpr std::uint64_t kMsixTableOffset = 0x4000;
constexpr std::uint64_t kMsixPendingOffset = 0x5000;
constexpr std::uint32_t kIsrSize = 1;
constexpr std::uint32_t kDeviceConfigSize = 64;
static_assert(PciTransport::kNotifyOffset == 0x3000 && kMsixPendingOffset + kPage <= PciTransport::kBarSize);

constexpr std::uint8_t kQueueCause = 1;
constexpr std::uint8_t kConfigCause = VIRTIO_PCI_ISR_CONFIG;
constexpr std::uint64_t kTransportFeatures =
    std::uint64_t{1} << kVersion1 | std::uint64_t{1} << kIndirectDescriptors | std::uint64_t{1} << kEventIndex;

constexpr auto has(std::uint64_t features, unsigned bit) -> bool {
  return (features >> bit & 1) != 0;
}

constexpr auto without(std::uint8_t bits, std::uint8_t unwanted) -> std::uint8_t {
  return static_cast<std::uint8_t>(bits & ~unwanted);
}

// One half of a 64-bit value, which two registers contain.
auto half(std::uint64_t value, std::uint32_t select) -> std::uint32_t {
  return select > 1 ? 0 : static_cast<std::uint32_t>(value >> (32 * select));
}
void set_half(std::uint64_t& value, std::uint32_t select, std::uint32_t bits) {
  if (select > 1) return;
  const auto shift = 32 * select;
  value = (value & ~(std::uint64_t{0xffff'ffff} << shift)) | std::uint64_t{bits} << shift;
}

// The size of a register in the common configuration, by its offset.
auto register_size(std::size_t offset) -> std::size_t {
  switch (offset) {
    case VIRTIO_PCI_COMMON_STATUS:
    case VIRTIO_PCI_COMMON_CFGGENERATION: return 1;
    case VIRTIO_PCI_COMMON_MSIX:
    case VIRTIO_PCI_COMMON_NUMQ:
    case VIRTIO_PCI_COMMON_Q_SELECT:
    case VIRTIO_PCI_COMMON_Q_SIZE:
    case VIRTIO_PCI_COMMON_Q_MSIX:
    case VIRTIO_PCI_COMMON_Q_ENABLE:
    case VIRTIO_PCI_COMMON_Q_NOFF: return 2;
    default: return offset % 4 == 0 && offset < sizeof(virtio_pci_common_cfg) ? 4 : 0;
  }
}

auto number_of(std::span<const std::byte> data) -> std::uint32_t {
  std::uint32_t value = 0;
  std::memcpy(&value, data.data(), data.size());
  return value;
}

// The capability for a structure in the BAR, without its first two bytes (ID and link).
template <std::size_t size = sizeof(virtio_pci_cap)>
auto structure(std::uint8_t type, std::uint64_t offset, std::uint32_t length) {
  virtio_pci_cap capability{};
  capability.cap_len = size;
  capability.cfg_type = type;
  capability.bar = kBar;
  capability.offset = static_cast<std::uint32_t>(offset);
  capability.length = length;
  std::array<std::byte, size> bytes{};
  std::memcpy(bytes.data(), &capability, sizeof capability);
  return bytes;
}

template <std::size_t size>
auto add(pci::ConfigSpace& config, const std::array<std::byte, size>& capability) -> std::size_t {
  return config.add_capability(PCI_CAP_ID_VNDR, std::span{capability}.subspan(2));
}

// The part of the BAR that contains an offset, and the offset in it.
struct Place {
  std::uint64_t part;
  std::size_t offset;
};
auto place_of(std::size_t offset) -> Place {
  return {.part = offset / kPage * kPage, .offset = offset % kPage};
}

}  // namespace

PciTransport::PciTransport(Device& device, Environment environment, std::uint64_t bar, std::uint8_t line)
    : device_{device},
      environment_{std::move(environment)},
      config_{{.vendor = kVendor,
               .device = static_cast<std::uint16_t>(kFirstModernDevice + device.id()),
               .revision = kRevision,
               .class_code = device.pci_class(),
               .subsystem_vendor = kVendor,
               .subsystem = static_cast<std::uint16_t>(kFirstModernDevice + device.id())}},
      msix_{environment_.interrupts.message_count()},
      bar_{bar} {
  config_.set_bar64(kBar, bar, kBarSize);
  config_.set<std::uint8_t>(PCI_INTERRUPT_LINE, line, 0xff);
  config_.set<std::uint8_t>(PCI_INTERRUPT_PIN, 1);
  add_capabilities();
  set_defaults();
}

void PciTransport::add_capabilities() {
  if (msix_.size() != 0) add_msix();

  add(config_, structure(VIRTIO_PCI_CAP_COMMON_CFG, kCommonOffset, sizeof(virtio_pci_common_cfg)));
  add(config_, structure(VIRTIO_PCI_CAP_ISR_CFG, kIsrOffset, kIsrSize));
  add(config_, structure(VIRTIO_PCI_CAP_DEVICE_CFG, kDeviceOffset, kDeviceConfigSize));
  auto notify = structure<sizeof(virtio_pci_notify_cap)>(
      VIRTIO_PCI_CAP_NOTIFY_CFG, kNotifyOffset, static_cast<std::uint32_t>(device_.queue_count() * kNotifyMultiplier));
  entry::write<std::uint32_t, Endian::little>(notify, VIRTIO_PCI_NOTIFY_CAP_MULT, kNotifyMultiplier);
  add(config_, notify);

  // A window to the BAR for guests that cannot access the BAR. The guest sets its offset and its size in bytes.
  window_capability_ = add(config_, structure<sizeof(virtio_pci_cfg_cap)>(VIRTIO_PCI_CAP_PCI_CFG, 0, 0));
  config_.set<std::uint8_t>(window_capability_ + VIRTIO_PCI_CAP_BAR, 0, 0xff);
  config_.set<std::uint32_t>(window_capability_ + VIRTIO_PCI_CAP_OFFSET, 0, ~std::uint32_t{});
  config_.set<std::uint32_t>(window_capability_ + VIRTIO_PCI_CAP_LENGTH, 0, ~std::uint32_t{});
  config_.set<std::uint32_t>(window_capability_ + sizeof(virtio_pci_cap), 0, ~std::uint32_t{});
}

// The registers are 16 bits of control, and the offsets of table and pending bits in the BAR.
void PciTransport::add_msix() {
  std::array<std::byte, PCI_CAP_MSIX_SIZEOF> msix{};
  entry::write<std::uint16_t, Endian::little>(msix, PCI_MSIX_FLAGS, static_cast<std::uint16_t>(msix_.size() - 1));
  entry::write<std::uint32_t, Endian::little>(msix, PCI_MSIX_TABLE, kMsixTableOffset | kBar);
  entry::write<std::uint32_t, Endian::little>(msix, PCI_MSIX_PBA, kMsixPendingOffset | kBar);
  msix_capability_ = config_.add_capability(PCI_CAP_ID_MSIX, std::span{msix}.subspan(2));
  config_.set<std::uint16_t>(msix_capability_ + PCI_MSIX_FLAGS, static_cast<std::uint16_t>(msix_.size() - 1),
                             PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
}

// The state after a reset by the driver. A reset does not change the configuration space and the MSI-X table.
void PciTransport::set_defaults() {
  device_feature_select_ = 0;
  driver_feature_select_ = 0;
  driver_features_ = 0;
  config_vector_ = VIRTIO_MSI_NO_VECTOR;
  status_ = 0;
  queue_select_ = 0;
  interrupt_causes_ = 0;
  config_interrupt_is_due_ = false;
  msix_.clear_pending();
  registers_.assign(device_.queue_count(), {.size = device_.max_queue_size(), .vector = VIRTIO_MSI_NO_VECTOR});
  queues_.clear();
  queues_.resize(device_.queue_count());
  is_active_ = false;
}

auto PciTransport::offered_features() const noexcept -> std::uint64_t {
  return device_.features() | kTransportFeatures;
}

void PciTransport::read_config(std::size_t offset, std::span<std::byte> data) {
  const std::scoped_lock lock{mutex_};
  if (is_window_data(offset, data.size())) read_by_window();
  const std::uint16_t interrupt = interrupt_causes_ != 0 ? PCI_STATUS_INTERRUPT : 0;
  config_.set<std::uint16_t>(PCI_STATUS, PCI_STATUS_CAP_LIST | interrupt);
  config_.read(offset, data);
}

void PciTransport::write_config(std::size_t offset, std::span<const std::byte> data) {
  const std::scoped_lock lock{mutex_};
  const bool had_msix = has_msix();
  config_.write(offset, data);
  update_bar();
  messages_changed_ |= has_msix() && !had_msix;
  if (!has_msix()) msix_.clear_pending();
  if (is_window_data(offset, data.size())) write_by_window();
  environment_.wake();  // a pending interrupt may now be permitted
}

// virtio 1.2, 4.1.4.9: an access to the last register of this capability accesses the BAR at the place that the other
// registers select.
auto PciTransport::is_window_data(std::size_t offset, std::size_t size) const noexcept -> bool {
  const auto start = window_capability_ + sizeof(virtio_pci_cap);
  return offset < start + sizeof(std::uint32_t) && offset + size > start;
}

// Windows have 1, 2 or 4 bytes, and are aligned. Returns nothing if the guest has written other values.
auto PciTransport::window() const -> std::optional<Window> {
  const auto offset = config_.get<std::uint32_t>(window_capability_ + VIRTIO_PCI_CAP_OFFSET);
  const auto length = config_.get<std::uint32_t>(window_capability_ + VIRTIO_PCI_CAP_LENGTH);
  const bool is_right = config_.get<std::uint8_t>(window_capability_ + VIRTIO_PCI_CAP_BAR) == kBar &&
                        (length == 1 || length == 2 || length == 4) && offset % length == 0;
  if (!is_right || !entry::range_fits(offset, length, kBarSize)) return std::nullopt;
  return Window{.offset = offset, .size = length};
}

void PciTransport::read_by_window() {
  const auto target = window();
  if (!target) return;
  std::array<std::byte, sizeof(std::uint32_t)> value{};
  read_bar_locked(target->offset, std::span{value}.first(target->size));
  config_.write(window_capability_ + sizeof(virtio_pci_cap), std::span{value}.first(target->size));
}

void PciTransport::write_by_window() {
  const auto target = window();
  if (!target) return;
  std::array<std::byte, sizeof(std::uint32_t)> value{};
  config_.read(window_capability_ + sizeof(virtio_pci_cap), value);
  write_bar_locked(target->offset, std::span{value}.first(target->size));
}

void PciTransport::update_bar() noexcept {
  const bool decodes = (config_.get<std::uint16_t>(PCI_COMMAND) & PCI_COMMAND_MEMORY) != 0;
  bar_ = decodes ? config_.bar64(kBar) : kNowhere;
}

auto PciTransport::bar_offset(std::uint64_t address, std::size_t size) const -> std::optional<std::size_t> {
  const auto start = bar_.load();
  if (address < start || !entry::range_fits(address - start, size, kBarSize)) return std::nullopt;
  return address - start;
}

void PciTransport::read_bar(std::size_t offset, std::span<std::byte> data) {
  if (place_of(offset).part == kIsrOffset) return read_isr(offset, data);
  const std::scoped_lock lock{mutex_};
  read_bar_locked(offset, data);
}

void PciTransport::write_bar(std::size_t offset, std::span<const std::byte> data) {
  // KVM handles the usual notifications of a driver. This one is a notification after the BAR has been moved.
  const auto [part, place] = place_of(offset);
  if (part == kNotifyOffset) return notify(place);
  const std::scoped_lock lock{mutex_};
  write_bar_locked(offset, data);
}

void PciTransport::read_bar_locked(std::size_t offset, std::span<std::byte> data) {
  const auto [part, place] = place_of(offset);
  std::ranges::fill(data, std::byte{});
  switch (part) {
    case kCommonOffset: return read_common(place, data);
    case kIsrOffset: return read_isr(offset, data);
    case kDeviceOffset:
      device_.read_config(place, data);
      if (device_.has_config_change()) environment_.wake();
      return;
    case kMsixTableOffset: return msix_.read(place, data);
    case kMsixPendingOffset: return msix_.read_pending(place, data);
    default: return;
  }
}

// virtio 1.2, 4.1.4.5: reading clears it.
void PciTransport::read_isr(std::size_t offset, std::span<std::byte> data) noexcept {
  std::ranges::fill(data, std::byte{});
  if (offset == kIsrOffset) data[0] = std::byte{interrupt_causes_.exchange(0)};
}

void PciTransport::write_bar_locked(std::size_t offset, std::span<const std::byte> data) {
  const auto [part, place] = place_of(offset);
  switch (part) {
    case kCommonOffset: return write_common(place, data);
    case kNotifyOffset: return notify(place);
    case kMsixTableOffset:
      msix_.write(place, data);
      messages_changed_ = true;
      return environment_.wake();
    default: return;
  }
}

void PciTransport::notify(std::size_t place) {
  device_.notify(static_cast<unsigned>(place / kNotifyMultiplier));
  environment_.wake();
}

void PciTransport::read_common(std::size_t offset, std::span<std::byte> data) const {
  virtio_pci_common_cfg common{};
  common.device_feature_select = device_feature_select_;
  common.device_feature = half(offered_features(), device_feature_select_);
  common.guest_feature_select = driver_feature_select_;
  common.guest_feature = half(driver_features_, driver_feature_select_);
  common.msix_config = config_vector_;
  common.num_queues = device_.queue_count();
  common.device_status = status_;
  common.config_generation = config_generation_;
  common.queue_select = queue_select_;
  if (queue_select_ < registers_.size()) {
    const auto& queue = registers_[queue_select_];
    common.queue_size = queue.size;
    common.queue_msix_vector = queue.vector;
    common.queue_enable = queue.is_enabled ? 1 : 0;
    common.queue_notify_off = queue_select_;
    common.queue_desc_lo = half(queue.descriptors, 0);
    common.queue_desc_hi = half(queue.descriptors, 1);
    common.queue_avail_lo = half(queue.available, 0);
    common.queue_avail_hi = half(queue.available, 1);
    common.queue_used_lo = half(queue.used, 0);
    common.queue_used_hi = half(queue.used, 1);
  }
  const auto bytes = std::as_bytes(std::span{&common, 1});
  if (offset >= bytes.size()) return;
  const auto size = std::min(data.size(), bytes.size() - offset);
  std::ranges::copy(bytes.subspan(offset, size), data.begin());
}

// Accesses whole registers only, one or more. virtio 1.2, 4.1.3.1 permits nothing else.
void PciTransport::write_common(std::size_t offset, std::span<const std::byte> data) {
  while (!data.empty()) {
    const auto size = register_size(offset);
    if (size == 0 || size > data.size()) return;
    write_register(offset, number_of(data.first(size)));
    offset += size;
    data = data.subspan(size);
  }
}

void PciTransport::write_register(std::size_t offset, std::uint32_t value) {
  switch (offset) {
    case VIRTIO_PCI_COMMON_DFSELECT: device_feature_select_ = value; return;
    case VIRTIO_PCI_COMMON_GFSELECT: driver_feature_select_ = value; return;
    case VIRTIO_PCI_COMMON_GF:
      if (negotiates()) set_half(driver_features_, driver_feature_select_, value);
      return;
    case VIRTIO_PCI_COMMON_MSIX: config_vector_ = vector_or_none(value); return;
    case VIRTIO_PCI_COMMON_STATUS: return write_status(static_cast<std::uint8_t>(value));
    case VIRTIO_PCI_COMMON_Q_SELECT: queue_select_ = static_cast<std::uint16_t>(value); return;
    default:
      if (queue_select_ < registers_.size()) write_queue_register(registers_[queue_select_], offset, value);
  }
}

void PciTransport::write_queue_register(QueueRegisters& queue, std::size_t offset, std::uint32_t value) {
  if (offset == VIRTIO_PCI_COMMON_Q_MSIX) {
    queue.vector = vector_or_none(value);
    return environment_.wake();
  }
  if (queue.is_enabled) return;
  switch (offset) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
      if (std::has_single_bit(value) && value <= device_.max_queue_size()) {
        queue.size = static_cast<std::uint16_t>(value);
      }
      return;
    case VIRTIO_PCI_COMMON_Q_ENABLE:
      if (value == 1) enable(queue, queue_select_);
      return;
    case VIRTIO_PCI_COMMON_Q_DESCLO: return set_half(queue.descriptors, 0, value);
    case VIRTIO_PCI_COMMON_Q_DESCHI: return set_half(queue.descriptors, 1, value);
    case VIRTIO_PCI_COMMON_Q_AVAILLO: return set_half(queue.available, 0, value);
    case VIRTIO_PCI_COMMON_Q_AVAILHI: return set_half(queue.available, 1, value);
    case VIRTIO_PCI_COMMON_Q_USEDLO: return set_half(queue.used, 0, value);
    case VIRTIO_PCI_COMMON_Q_USEDHI: return set_half(queue.used, 1, value);
    default: return;
  }
}

auto PciTransport::negotiates() const noexcept -> bool {
  return (status_ & kFeaturesOk) == 0;
}

// virtio 1.2, 2.1.2: the driver sets the bits one by one, and a reset clears all of them.
void PciTransport::write_status(std::uint8_t status) {
  if (status == 0) {
    if (is_active_) device_.reset();
    return set_defaults();
  }
  auto added = static_cast<std::uint8_t>(status & ~status_ & ~kNeedsReset);
  if ((added & kFeaturesOk) != 0) {
    const bool is_offered = (driver_features_ & ~offered_features()) == 0;
    if (!is_offered || !has(driver_features_, kVersion1)) added = without(added, kFeaturesOk);
  }
  // A driver without FEATURES_OK is not supported.
  if (((status_ | added) & kFeaturesOk) == 0) added = without(added, kDriverOk);
  status_ |= added;
  if ((added & kDriverOk) != 0) environment_.wake();
}

void PciTransport::enable(QueueRegisters& registers, std::size_t number) {
  if (negotiates()) return;
  auto queue = Queue::make(environment_.memory,
                           {.size = registers.size,
                            .descriptors = GuestAddress{registers.descriptors},
                            .available = GuestAddress{registers.available},
                            .used = GuestAddress{registers.used}},
                           {.indirect_descriptors = has(driver_features_, kIndirectDescriptors),
                            .event_index = has(driver_features_, kEventIndex)});
  if (!queue) {
    break_down(fmt::format("queue {} {}", number, queue.error().what));
    return environment_.wake();
  }
  queues_[number] = *queue;
  registers.is_enabled = true;
}

auto PciTransport::has_msix() const noexcept -> bool {
  if (msix_capability_ == 0) return false;
  return (config_.get<std::uint16_t>(msix_capability_ + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_ENABLE) != 0;
}

auto PciTransport::vector_or_none(std::uint32_t value) const noexcept -> std::uint16_t {
  return value < msix_.size() ? static_cast<std::uint16_t>(value) : std::uint16_t{VIRTIO_MSI_NO_VECTOR};
}

auto PciTransport::service() -> bool {
  const std::scoped_lock lock{mutex_};
  update_messages();
  const bool has_more = service_device();
  if (std::exchange(config_interrupt_is_due_, false)) interrupt(config_vector_, kConfigCause);
  has_msix() ? send_pending() : raise_line();
  return has_more;
}

auto PciTransport::service_device() -> bool {
  if ((status_ & kDriverOk) == 0 || (status_ & kNeedsReset) != 0) return false;
  if (!is_active_) {
    if (auto activated = device_.activate(driver_features_); !activated) {
      break_down(activated.error().what);
      return false;
    }
    is_active_ = true;
  }
  for (unsigned number = 0; number < registers_.size(); ++number) {
    device_.set_interrupt(number, event_of(registers_[number].vector));
  }
  const auto serviced = device_.service(queues_);
  const auto used_queues = serviced ? serviced->used_queues : 0;
  for (std::size_t number = 0; number < queues_.size(); ++number) {
    const bool is_due = (queues_[number] && queues_[number]->publish()) || (used_queues >> number & 1) != 0;
    if (is_due) interrupt(registers_[number].vector, kQueueCause);
  }
  if (!serviced) {
    break_down(serviced.error().what);
    return false;
  }
  if (serviced->config_changed) {
    ++config_generation_;
    config_interrupt_is_due_ = true;
  }
  return serviced->has_more;
}

// virtio 1.2, 2.1.1: notifies the driver, and does nothing more until the driver resets the device.
void PciTransport::break_down(const std::string& what) {
  environment_.warn(fmt::format("{}: {}; the device stops until the driver resets it", device_.name(), what));
  status_ |= kNeedsReset;
  device_.stop();
  config_interrupt_is_due_ = (status_ & kDriverOk) != 0;
}

// KVM must know the target of a message before the message is sent. This call takes a while, so this thread makes it,
// not a vCPU.
void PciTransport::update_messages() {
  if (!messages_changed_ || !has_msix()) return;
  messages_changed_ = false;
  if (auto set = environment_.interrupts.set_messages(msix_.messages()); !set) {
    environment_.warn(fmt::format("{}: no interrupts: {}", device_.name(), set.error().message()));
  }
}

// The interrupt is sent at the end of service().
void PciTransport::interrupt(std::uint16_t vector, std::uint8_t cause) {
  if (!has_msix()) {
    interrupt_causes_ |= cause;
  } else if (vector != VIRTIO_MSI_NO_VECTOR) {
    msix_.set_pending(vector);
  }
}

auto PciTransport::sends_messages() const noexcept -> bool {
  if (!has_msix()) return false;
  return (config_.get<std::uint16_t>(msix_capability_ + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_MASKALL) == 0;
}

// The event that sends the message of a vector now. kNoEvent if it must wait, or the driver does not use messages.
auto PciTransport::event_of(std::uint16_t vector) const noexcept -> int {
  if (!sends_messages() || vector == VIRTIO_MSI_NO_VECTOR || msix_.is_masked(vector)) return kNoEvent;
  return environment_.interrupts.event_of(vector);
}

void PciTransport::send_pending() {
  if (!sends_messages()) return;
  while (const auto vector = msix_.take_pending()) environment_.interrupts.send(*vector);
}

void PciTransport::raise_line() {
  const bool is_disabled = (config_.get<std::uint16_t>(PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE) != 0;
  if (interrupt_causes_ == 0 || is_disabled) return;
  environment_.interrupts.raise_line();
}

void PciTransport::on_line_acknowledged() {
  const std::scoped_lock lock{mutex_};
  if (!has_msix()) raise_line();
}

auto PciTransport::save() const -> TransportState {
  const std::scoped_lock lock{mutex_};
  TransportState state{.config = std::vector<std::byte>(pci::ConfigSpace::kSize),
                       .messages = {msix_.entries().begin(), msix_.entries().end()},
                       .pending = msix_.pending(),
                       .device_feature_select = device_feature_select_,
                       .driver_feature_select = driver_feature_select_,
                       .driver_features = driver_features_,
                       .config_vector = config_vector_,
                       .status = status_,
                       .config_generation = config_generation_,
                       .queue_select = queue_select_,
                       .interrupt_causes = interrupt_causes_};
  config_.read(0, state.config);
  for (std::size_t number = 0; number < registers_.size(); ++number) {
    const auto& queue = registers_[number];
    state.queues.push_back({.size = queue.size,
                            .vector = queue.vector,
                            .is_enabled = queue.is_enabled,
                            .descriptors = queue.descriptors,
                            .available = queue.available,
                            .used = queue.used,
                            .taken = queues_[number] ? queues_[number]->taken() : std::uint16_t{},
                            .returned = queues_[number] ? queues_[number]->returned() : std::uint16_t{}});
  }
  return state;
}

// Writes the registers as a driver does, so that the same checks apply.
auto PciTransport::restore(const TransportState& state) -> std::expected<void, Broken> {
  const std::scoped_lock lock{mutex_};
  if (state.queues.size() != registers_.size()) return std::unexpected{Broken{"has another number of queues"}};
  config_.write(0, state.config);
  update_bar();
  msix_.write(0, state.messages);
  messages_changed_ = true;
  driver_features_ = state.driver_features;
  write_status(without(state.status, kNeedsReset));
  if (status_ != without(state.status, kNeedsReset)) {
    return std::unexpected{Broken{
        fmt::format("uses features that this network does not have: {:#x}", driver_features_ & ~offered_features())}};
  }
  for (std::size_t number = 0; number < registers_.size(); ++number) {
    if (!restore_queue(number, state.queues[number])) {
      return std::unexpected{Broken{fmt::format("has a malformed queue {}", number)}};
    }
  }
  if ((state.status & kNeedsReset) != 0) status_ |= kNeedsReset;
  device_feature_select_ = state.device_feature_select;
  driver_feature_select_ = state.driver_feature_select;
  config_vector_ = vector_or_none(state.config_vector);
  config_generation_ = state.config_generation;
  queue_select_ = state.queue_select;
  interrupt_causes_ = static_cast<std::uint8_t>(interrupt_causes_ | state.interrupt_causes);
  if (has_msix()) msix_.restore_pending(state.pending);
  environment_.wake();
  return {};
}

auto PciTransport::restore_queue(std::size_t number, const QueueState& state) -> bool {
  auto& queue = registers_[number];
  if (!std::has_single_bit(state.size) || state.size > device_.max_queue_size()) return false;
  queue.size = state.size;
  queue.vector = vector_or_none(state.vector);
  queue.descriptors = state.descriptors;
  queue.available = state.available;
  queue.used = state.used;
  if (!state.is_enabled) return true;
  enable(queue, number);
  if (!queue.is_enabled) return false;
  queues_[number]->continue_from(state.taken, state.returned);
  interrupt(queue.vector, kQueueCause);
  return true;
}

}  // namespace hermitage::vmm::virtio
