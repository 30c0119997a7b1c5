// Linux's <linux/vhost.h>. The rings of virtio 0.9 in it are not valid C++.
#pragma once

#define VIRTIO_RING_NO_LEGACY
#include <linux/vhost.h>
#undef VIRTIO_RING_NO_LEGACY
