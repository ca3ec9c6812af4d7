//go:build !linux

package proxy

import "net"

// Owners cannot tell who connects here: everybody is Outside, and links cannot be told apart.
func Owners(func() map[int]uint64) func(net.Conn) uint64 {
	return func(net.Conn) uint64 { return Outside }
}
