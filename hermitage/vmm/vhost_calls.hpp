// Linux's <linux/vhost.h>, whose rings of virtio 0.9 are no C++.
#pragma once

#define VIRTIO_RING_NO_LEGACY
#include <linux/vhost.h>
#undef VIRTIO_RING_NO_LEGACY
