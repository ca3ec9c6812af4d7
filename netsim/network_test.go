package netsim

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
)

// pair is a world with probes 1 and 2.
func pair(t testing.TB, cfg Config) (*World, *probe, *probe) {
	w := New(1, cfg)
	_, a := start(t, w, 1)
	_, b := start(t, w, 2)
	return w, a, b
}

// burst sends n numbered messages, one each millisecond, and waits for all.
func burst(w *World, from *probe, to env.NodeID, n int) {
	for i := range n {
		from.h.Send(to, env.ChannelControl, fmt.Appendf(nil, "%04d", i))
		w.RunFor(time.Millisecond)
	}
	drain(w)
}

// Goal: the delay is base plus jitter. Method: look at the first and last arrival of many.
func TestDelayIsBasePlusJitter(t *testing.T) {
	w, a, b := pair(t, Config{Link: LinkConfig{Delay: Dist{Base: 100, Jitter: 50}}})
	for range 500 {
		a.h.Send(2, env.ChannelControl, nil)
	}
	drain(w)
	require.Len(t, b.times, 500)
	require.EqualValues(t, 100, b.times[0])
	require.EqualValues(t, 150, b.times[499])
	require.Zero(t, w.Stats().TailDelays)
}

// Goal: the long tail hits about as often as it should. Method: count late messages.
func TestTailDelaysSomeMessages(t *testing.T) {
	w, a, b := pair(t, Config{Link: LinkConfig{Delay: Dist{Tail: 0.1, TailMin: time.Second, TailMax: 2 * time.Second}}})
	for range 1000 {
		a.h.Send(2, env.ChannelControl, nil)
	}
	drain(w)
	late := 0
	for _, at := range b.times {
		if at > 0 {
			late++
			require.GreaterOrEqual(t, at, env.Instant(time.Second))
			require.LessOrEqual(t, at, env.Instant(2*time.Second))
		}
	}
	require.EqualValues(t, late, w.Stats().TailDelays)
	require.InDelta(t, 100, late, 40)
}

// Goal: loss loses about as many as it should, and counts them. Method: many messages.
func TestLossLosesMessages(t *testing.T) {
	w, a, b := pair(t, Config{Link: LinkConfig{Loss: 0.2}})
	burst(w, a, 2, 1000)
	s := w.Stats()
	require.EqualValues(t, 1000, s.DroppedLoss+s.Delivered)
	require.EqualValues(t, len(b.log), s.Delivered)
	require.InDelta(t, 200, s.DroppedLoss, 60)
	require.EqualValues(t, 1000, s.Sent)
}

// Goal: duplicates arrive, as messages of their own. Method: duplicate all; the
// receiver spoils the first copy.
func TestDuplicatesAreCopies(t *testing.T) {
	w, a, b := pair(t, Config{Link: LinkConfig{Duplicate: 1}})
	b.onReceive = func(_ env.NodeID, payload []byte) { payload[0] = 'X' }
	a.h.Send(2, env.ChannelControl, []byte("m"))
	drain(w)
	require.Equal(t, []string{"1:m", "1:m"}, b.log)
	require.EqualValues(t, 1, w.Stats().Duplicated)
	require.EqualValues(t, 2, w.Stats().Delivered)
}

// Goal: independent delays reorder, unless the link is FIFO. Method: both.
func TestDelaysReorderUnlessFIFO(t *testing.T) {
	for _, fifo := range []bool{false, true} {
		w, a, b := pair(t, Config{Link: LinkConfig{Delay: Dist{Jitter: 10 * time.Millisecond}, FIFO: fifo}})
		burst(w, a, 2, 200)
		require.Len(t, b.log, 200)
		if fifo {
			require.IsIncreasing(t, b.log)
			require.Zero(t, w.Stats().Reordered)
		} else {
			require.NotZero(t, w.Stats().Reordered)
		}
	}
}

// Goal: channels of a FIFO link keep their own order and overtake each other; neither
// a slow nor a full one holds up another. Method: tell the order of numbered messages by
// channel; fill one channel, send on another.
func TestChannelsDoNotWaitForEachOther(t *testing.T) {
	w, a, b := pair(t, Config{Link: LinkConfig{Delay: Dist{Jitter: 10 * time.Millisecond}, FIFO: true}})
	for i := range 200 {
		a.h.Send(2, env.Channel(i%2), fmt.Appendf(nil, "%d-%04d", i%2, i))
		w.RunFor(time.Millisecond)
	}
	drain(w)
	var streams [2][]string
	for _, m := range b.log {
		streams[m[2]-'0'] = append(streams[m[2]-'0'], m)
	}
	require.Len(t, b.log, 200)
	require.IsIncreasing(t, streams[0])
	require.IsIncreasing(t, streams[1])
	require.NotZero(t, w.Stats().Reordered)

	w, a, b = pair(t, Config{Link: LinkConfig{BytesPerSecond: 1000, MaxInFlight: 2, FIFO: true}})
	for range 3 {
		a.h.Send(2, env.ChannelSnapshot, make([]byte, 1000))
	}
	a.h.Send(2, env.ChannelControl, []byte("c"))
	drain(w)
	require.Equal(t, "1:c", b.log[0])
	require.Equal(t, env.Instant(time.Millisecond), b.times[0])
	require.EqualValues(t, 1, w.Stats().DroppedFull)
	require.Panics(t, func() { a.h.Send(2, env.NumChannels, nil) })
}

// Goal: the fate of a message depends on its own channel only (SIM-2). Method: the arrivals
// on one channel, without and with traffic on another.
func TestChannelsHaveFatesOfTheirOwn(t *testing.T) {
	var times [2][]env.Instant
	for i := range times {
		w, a, b := pair(t, Config{Link: LinkConfig{Delay: Dist{Jitter: 10 * time.Millisecond}, Loss: 0.3}})
		for range 100 {
			if i == 1 {
				a.h.Send(2, env.ChannelSnapshot, []byte("s"))
			}
			a.h.Send(2, env.ChannelControl, []byte("c"))
			w.RunFor(time.Millisecond)
		}
		drain(w)
		for j, m := range b.log {
			if m == "1:c" {
				times[i] = append(times[i], b.times[j])
			}
		}
	}
	require.Equal(t, times[0], times[1])
}

// Goal: bandwidth spreads messages out. Method: three messages at once.
func TestBandwidthSpreadsMessages(t *testing.T) {
	w, a, b := pair(t, Config{Link: LinkConfig{BytesPerSecond: 1000, Delay: Dist{Base: 5}}})
	for range 3 {
		a.h.Send(2, env.ChannelControl, make([]byte, 100))
	}
	drain(w)
	step := env.Instant(100 * time.Millisecond)
	require.Equal(t, []env.Instant{step + 5, 2*step + 5, 3*step + 5}, b.times)
	require.EqualValues(t, 2, w.Stats().Throttled)
}

// Goal: a full link refuses messages. Method: three on a link for two, then one more.
func TestFullLinkDrops(t *testing.T) {
	w, a, b := pair(t, Config{Link: LinkConfig{MaxInFlight: 2, Delay: Dist{Base: 5}}})
	for range 3 {
		a.h.Send(2, env.ChannelControl, nil)
	}
	drain(w)
	a.h.Send(2, env.ChannelControl, nil)
	drain(w)
	require.Len(t, b.log, 3)
	require.EqualValues(t, 1, w.Stats().DroppedFull)
}

// Goal: a link's own configuration replaces the default, in one direction, and can be
// taken back; clients have a default of their own. Method: tell them by delay.
func TestLinksHaveTheirOwnConfiguration(t *testing.T) {
	delay := func(d time.Duration) LinkConfig { return LinkConfig{Delay: Dist{Base: d}} }
	client := delay(7)
	w := New(1, Config{Link: delay(1), ClientLink: &client})
	_, a := start(t, w, 1)
	_, b := start(t, w, 2)
	_, c := start(t, w, FirstClient)
	took := func(from *probe, to env.NodeID) time.Duration {
		t0 := w.Now()
		from.h.Send(to, env.ChannelControl, nil)
		drain(w)
		return w.Now().Sub(t0)
	}
	require.EqualValues(t, 1, took(a, 2))
	require.EqualValues(t, 7, took(a, FirstClient))
	require.EqualValues(t, 7, took(c, 1))
	w.SetLink(1, 2, delay(50))
	require.EqualValues(t, 50, took(a, 2))
	require.EqualValues(t, 1, took(b, 1))
	w.SetDefaultLink(delay(3), false)
	w.SetDefaultLink(delay(9), true)
	require.EqualValues(t, 50, took(a, 2))
	require.EqualValues(t, 3, took(b, 1))
	require.EqualValues(t, 9, took(c, 2))
	w.ResetLink(1, 2)
	require.EqualValues(t, 3, took(a, 2))
	require.Equal(t, delay(3), w.LinkConfig(1, 2))
}

// Goal: OnSend can drop, delay and duplicate single messages. Method: each once.
func TestOnSendChangesFates(t *testing.T) {
	w, a, b := pair(t, Config{})
	w.OnSend = func(m *Message) {
		require.EqualValues(t, 1, m.From)
		require.EqualValues(t, 2, m.To)
		switch string(m.Payload) {
		case "drop":
			m.Drop = true
		case "late":
			m.Delay = 100
		case "twice":
			m.Copies = 1
		}
	}
	for _, s := range []string{"drop", "late", "twice", "plain"} {
		a.h.Send(2, env.ChannelControl, []byte(s))
	}
	drain(w)
	require.Equal(t, []string{"1:twice", "1:twice", "1:plain", "1:late"}, b.log)
	require.EqualValues(t, 1, w.Stats().DroppedHook)
}

// Goal: messages to oneself arrive at once and in order, whatever the network does
// (SIM-7). Method: a network that loses everything, and an isolated process.
func TestMessagesToOneselfAlwaysArrive(t *testing.T) {
	w, a, _ := pair(t, Config{Link: LinkConfig{Loss: 1, Delay: Dist{Base: 100}}})
	w.Isolate(1)
	w.Clog(1, 1)
	a.h.Send(1, env.ChannelControl, []byte("x"))
	a.h.Send(1, env.ChannelControl, []byte("y"))
	drain(w)
	require.Equal(t, []string{"1:x", "1:y"}, a.log)
	require.Zero(t, w.Now())
}

// Goal: messages to nobody are counted as such, and a process added later can
// be reached over links that were there before. Method: send before and after.
func TestUnknownReceivers(t *testing.T) {
	w := New(1, Config{})
	_, a := start(t, w, 1)
	a.h.Send(2, env.ChannelControl, nil)
	drain(w)
	require.EqualValues(t, 1, w.Stats().DroppedDead)
	_, b := start(t, w, 2)
	a.h.Send(2, env.ChannelControl, nil)
	drain(w)
	require.Len(t, b.log, 1)
}

// Goal: a sender that writes to a buffer it gave away is found out (SIM-7). Method:
// do it.
func TestSharedBuffersAreFoundOut(t *testing.T) {
	w, a, _ := pair(t, Config{Link: LinkConfig{Delay: Dist{Base: 1}}})
	buf := []byte("m")
	a.h.Send(2, env.ChannelControl, buf)
	buf[0] = 'n'
	require.PanicsWithValue(t, "netsim: message #1 1>2 was changed after it was sent: the sender or an "+
		"earlier receiver writes to a buffer it no longer owns", func() { drain(w) })
}

// Goal: a cut loses what is sent on it and what would arrive on it, one way only,
// and not what was under way while it came and went (SIM-7). Method: each case.
func TestCutLosesMessages(t *testing.T) {
	w, a, b := pair(t, Config{Link: LinkConfig{Delay: Dist{Base: 10}}})
	w.Cut(1, 2)
	require.True(t, w.IsCut(1, 2))
	require.False(t, w.IsCut(2, 1))
	a.h.Send(2, env.ChannelControl, []byte("sent on a cut"))
	b.h.Send(1, env.ChannelControl, []byte("other way"))
	w.Heal(1, 2)
	drain(w)
	a.h.Send(2, env.ChannelControl, []byte("arrives on a cut"))
	w.RunFor(5)
	w.Cut(1, 2)
	drain(w)
	w.Heal(1, 2)
	a.h.Send(2, env.ChannelControl, []byte("lucky"))
	w.RunFor(3)
	w.Cut(1, 2)
	w.RunFor(3)
	w.Heal(1, 2)
	drain(w)
	require.Equal(t, []string{"1:lucky"}, b.log)
	require.Equal(t, []string{"2:other way"}, a.log)
	require.EqualValues(t, 2, w.Stats().DroppedCut)
}

// reach returns which of the processes can send to which.
func reach(w *World, n env.NodeID) string {
	s := ""
	for from := env.NodeID(1); from <= n; from++ {
		for to := env.NodeID(1); to <= n; to++ {
			if from != to && !w.IsCut(from, to) {
				s += fmt.Sprintf("%d>%d ", from, to)
			}
		}
	}
	return s
}

// Goal: the topologies cut what they say. Method: list who reaches whom.
func TestTopologies(t *testing.T) {
	ids := func(v ...env.NodeID) []env.NodeID { return v }
	w := New(1, Config{})
	for id := env.NodeID(1); id <= 5; id++ {
		start(t, w, id)
	}
	w.Partition(ids(1, 2), ids(3, 4))
	require.Equal(t, "1>2 1>5 2>1 2>5 3>4 3>5 4>3 4>5 5>1 5>2 5>3 5>4 ", reach(w, 5))
	w.HealAll()
	w.Isolate(3)
	require.Equal(t, "1>2 1>4 1>5 2>1 2>4 2>5 4>1 4>2 4>5 5>1 5>2 5>4 ", reach(w, 5))
	w.Rejoin(3)
	require.Len(t, reach(w, 5), 20*4)
	w.Bridge(ids(1, 2), ids(3), ids(4, 5))
	require.Equal(t, "1>2 1>3 2>1 2>3 3>1 3>2 3>4 3>5 4>3 4>5 5>3 5>4 ", reach(w, 5))
	w.HealAll()
	w.Ring(1, 2, 3, 4, 5)
	require.Equal(t, "1>2 1>5 2>1 2>3 3>2 3>4 4>3 4>5 5>1 5>4 ", reach(w, 5))
	w.HealAll()
	w.CutBoth(1, 2)
	require.True(t, w.IsCut(2, 1) && w.IsCut(1, 2))
	w.HealBoth(1, 2)
	require.Len(t, reach(w, 5), 20*4)
}

// Goal: a clogged link holds messages back and lets them go in order. Method: clog
// one direction.
func TestClogHoldsMessagesBack(t *testing.T) {
	w, a, b := pair(t, Config{Link: LinkConfig{Delay: Dist{Base: 10}}})
	a.h.Send(2, env.ChannelControl, []byte("0"))
	w.Clog(1, 2)
	a.h.Send(2, env.ChannelControl, []byte("1"))
	b.h.Send(1, env.ChannelControl, []byte("2"))
	w.RunFor(1000)
	require.Empty(t, b.log)
	require.Equal(t, []string{"2:2"}, a.log)
	require.EqualValues(t, 2, w.Stats().Clogged)
	w.UnclogAll()
	drain(w)
	require.Equal(t, []string{"1:0", "1:1"}, b.log)
	require.EqualValues(t, 1000, w.Now())
}

// Goal: links do not share fates. Method: more traffic on one link leaves the
// arrivals on another alone.
func TestLinksAreIndependent(t *testing.T) {
	arrivals := func(extra int) []env.Instant {
		w := New(1, Config{Link: LinkConfig{Loss: 0.3, Delay: Dist{Jitter: time.Second}}})
		_, a := start(t, w, 1)
		_, b := start(t, w, 2)
		start(t, w, 3)
		for range extra {
			a.h.Send(3, env.ChannelControl, nil)
		}
		burst(w, a, 2, 100)
		return b.times
	}
	require.Equal(t, arrivals(0), arrivals(17))
}
