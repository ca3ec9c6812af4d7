package server

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/osio"
)

// leading is a node that hands its leadership over when the test says so.
type leading struct {
	env.Program
	handOver func(done func())
}

func (n *leading) HandOver(done func()) { n.handOver(done) }

func (n *leading) Tick() {}
func (n *leading) Turn() {}

// SRV-5: Stop asks the node on the loop, and waits until it is done, but not longer than its context; a node whose loop
// is closed is not waited for.
func TestStopWaitsForTheHandOver(t *testing.T) {
	var asked, finished int
	loop := osio.NewLoop(nil)
	n := &leading{handOver: func(done func()) {
		asked++
		// The other node takes over some turns later; saying so twice is harmless.
		loop.Post(func() { loop.Post(func() { finished++; done(); done() }) })
	}}
	ended := make(chan struct{})
	go func() { loop.Run(n); close(ended) }()
	counts := func() (a, f int) {
		require.NoError(t, loop.Call(t.Context(), func() { a, f = asked, finished }))
		return a, f
	}
	handOver(t.Context(), loop, n)
	a, f := counts()
	require.Equal(t, 1, a)
	require.Equal(t, 1, f)

	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, loop.Call(t.Context(), func() { n.handOver = func(func()) { cancel() } }))
	handOver(ctx, loop, n)
	require.Error(t, ctx.Err(), "it waited until the context ended")

	loop.Close()
	<-ended
	handOver(t.Context(), loop, n)
}
