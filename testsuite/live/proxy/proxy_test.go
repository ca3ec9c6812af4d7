package proxy

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a network with node 1, which says back what it hears, and a function that connects to it.
func echo(t *testing.T, owner func(net.Conn) uint64) (*Net, func() net.Conn) {
	t.Helper()
	behind, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() {
		for {
			c, err := behind.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	front, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	n := New(owner)
	n.Front(1, front, behind.Addr().String())
	t.Cleanup(func() { _ = behind.Close(); n.Close() })
	return n, func() net.Conn {
		c, err := net.Dial("tcp", front.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
}

func outside(net.Conn) uint64 { return Outside }

var toNode = Link{Outside, 1}

// say sends a text and hears it back.
func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_, err := c.Write([]byte(text))
	require.NoError(t, err)
	buf := make([]byte, len(text))
	_, err = io.ReadFull(c, buf)
	require.NoError(t, err)
	require.Equal(t, text, string(buf))
}

// await looks until something is so; that it never becomes so hangs the test.
func await(is func() bool) {
	for !is() {
		time.Sleep(time.Millisecond)
	}
}

// PROXY-1: bytes pass unaltered, and the end of a stream as such, under a delay, its jitter and a bound too.
func TestBytesPassInOrder(t *testing.T) {
	n, dial := echo(t, outside)
	sent := make([]byte, 300<<10)
	_, _ = rand.Read(sent)
	for _, rule := range []Rule{{}, {Delay: time.Millisecond, Jitter: 3 * time.Millisecond}, {BytesPerSecond: 4 << 20}} {
		n.Set(map[Link]Rule{toNode: rule})
		c := dial()
		go func() { _, _ = c.Write(sent); _ = c.(*net.TCPConn).CloseWrite() }()
		got, err := io.ReadAll(c)
		require.NoError(t, err)
		require.True(t, bytes.Equal(sent, got), "%+v", rule)
	}
	require.Zero(t, n.Effects(toNode).Struck())
}

// A delay makes bytes late, there and back, and counts them; a working link is not counted.
func TestDelayMakesLate(t *testing.T) {
	n, dial := echo(t, outside)
	c := dial()
	say(t, c, "hello")
	require.Zero(t, n.Effects().Late)
	n.Set(map[Link]Rule{toNode: {Delay: 30 * time.Millisecond, Jitter: 5 * time.Millisecond}})
	begin := time.Now()
	say(t, c, "hello")
	require.GreaterOrEqual(t, time.Since(begin), 60*time.Millisecond)
	require.GreaterOrEqual(t, n.Effects(toNode).Late, int64(10))
}

// A bound of the bandwidth lets no more pass.
func TestBandwidthIsBounded(t *testing.T) {
	n, dial := echo(t, outside)
	n.Set(map[Link]Rule{toNode: {BytesPerSecond: 1 << 20}})
	c := dial()
	begin := time.Now()
	sent := make([]byte, 100<<10)
	go func() { _, _ = c.Write(sent) }()
	_, err := io.ReadFull(c, make([]byte, len(sent)))
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(begin), 95*time.Millisecond)
	require.Positive(t, n.Effects(toNode).Late)
}

// PROXY-1, PROXY-2: a stalled link holds what is sent, and counts it; it arrives when the stall ends.
func TestStalledBytesAreHeldAndArriveLater(t *testing.T) {
	for _, hold := range []Hold{HoldForth, HoldBack, HoldBoth} {
		n, dial := echo(t, outside)
		c := dial()
		say(t, c, "before")
		const passed = int64(2 * len("before"))
		await(func() bool { return n.Effects().Passed == passed })
		n.Set(map[Link]Rule{toNode: {Hold: hold}})
		require.Zero(t, n.Effects().Struck(), "what was set is no evidence")
		_, err := c.Write([]byte("held"))
		require.NoError(t, err)
		await(func() bool { return n.Effects(toNode).Held == 4 })
		if hold == HoldBack { // one-way: it reached the node, only the answer is held
			await(func() bool { return n.Effects().Passed == passed+4 })
		} else {
			require.EqualValues(t, passed, n.Effects().Passed)
		}
		n.Set(nil)
		buf := make([]byte, 4)
		_, err = io.ReadFull(c, buf)
		require.NoError(t, err)
		require.Equal(t, "held", string(buf))
	}
}

// A cut resets the connections there are and refuses new ones; other links are not touched, and after the cut all is well.
func TestCutResetsAndRefuses(t *testing.T) {
	var who atomic.Uint64
	who.Store(2)
	n, dial := echo(t, func(net.Conn) uint64 { return who.Load() })
	two := dial()
	say(t, two, "hello")
	who.Store(3)
	three := dial()
	say(t, three, "hello")

	n.Set(map[Link]Rule{{2, 1}: {Cut: true}})
	_, err := two.Read(make([]byte, 1))
	require.True(t, errors.Is(err, syscall.ECONNRESET), "%v", err)
	say(t, three, "still here")
	who.Store(2)
	if again, err := net.Dial("tcp", three.RemoteAddr().String()); err == nil { // else the reset was faster
		_, err = again.Read(make([]byte, 1))
		require.Error(t, err)
		require.NoError(t, again.Close())
	}
	await(func() bool { return n.Effects(Link{2, 1}) == Effects{Reset: 1, Refused: 1, Passed: 10} })
	require.Zero(t, n.Effects(Link{3, 1}).Struck())
	n.Set(nil)
	say(t, dial(), "hello")
}

// PROXY-3: what is held is bounded: the sender of a stalled link is blocked at last.
func TestStallIsFeltBySender(t *testing.T) {
	n, dial := echo(t, outside)
	n.Set(map[Link]Rule{toNode: {Hold: HoldForth}})
	c := dial()
	require.NoError(t, c.SetWriteDeadline(time.Now().Add(300*time.Millisecond)))
	took, err := io.Copy(c, io.LimitReader(rand.Reader, 1<<30))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Less(t, took, int64(24<<20), "more than the proxy and the system's buffers hold")
}

// The system tells which process connects.
func TestOwnersAreFound(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system does not tell")
	}
	found := make(chan uint64, 1)
	for nodes, want := range map[int]uint64{os.Getpid(): 7, -1: Outside} {
		owner := Owners(func() map[int]uint64 { return map[int]uint64{nodes: 7} })
		_, dial := echo(t, func(c net.Conn) uint64 { id := owner(c); found <- id; return id })
		dial()
		require.Equal(t, want, <-found)
	}
}
