package proxy

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
)

// Owners tells which of some processes has the other end of a connection: processes gives the nodes by process id, at the
// time of the question. Who is none of them is Outside.
func Owners(processes func() map[int]uint64) func(ours net.Conn) uint64 {
	return func(ours net.Conn) uint64 {
		theirs, err := netip.ParseAddrPort(ours.RemoteAddr().String())
		if err != nil {
			return Outside
		}
		here, err := netip.ParseAddrPort(ours.LocalAddr().String())
		if err != nil {
			return Outside
		}
		socket := socketOf(theirs, here)
		if socket == "" {
			return Outside
		}
		for pid, id := range processes() {
			if hasSocket(pid, socket) {
				return id
			}
		}
		return Outside
	}
}

// socketOf is the name, as in /proc/PID/fd, of the socket of a connection between two IPv4 addresses; "" if there is none.
func socketOf(local, remote netip.AddrPort) string {
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		return ""
	}
	defer f.Close()
	ends := kernelAddress(local) + " " + kernelAddress(remote)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
		if !strings.Contains(lines.Text(), ends) {
			continue
		}
		if fields := strings.Fields(lines.Text()); len(fields) > 9 && fields[9] != "0" {
			return "socket:[" + fields[9] + "]"
		}
	}
	return ""
}

// kernelAddress is an IPv4 address as the kernel prints it: the four bytes as one number of the machine's byte order.
func kernelAddress(a netip.AddrPort) string {
	ip := a.Addr().Unmap().As4()
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), a.Port())
}

func hasSocket(pid int, socket string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	names, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, n := range names {
		if target, err := os.Readlink(dir + "/" + n.Name()); err == nil && target == socket {
			return true
		}
	}
	return false
}
