package live

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
)

// Ports of nodes (LIVE-4): Linux gives outgoing connections ports from 32768 on,
// other systems higher ones.
const (
	firstPort = 20000
	lastPort  = 32000
)

// reservePort listens on a free loopback port.
func reservePort() (net.Listener, error) {
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort)))
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("live: looking for a free port: %w", err)
		}
	}
	return nil, fmt.Errorf("live: no free port found between %d and %d", firstPort, lastPort)
}
