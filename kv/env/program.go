package env

// Program is what an event loop drives: a node, or a client. The loop, real
// or simulated, owns it and calls it from one goroutine.
type Program interface {
	// Receive hands in one message from the network. The program owns payload.
	Receive(from NodeID, payload []byte)
	// Tick is the answer to Timer.Arm. It may come late, and may come although
	// nothing is due.
	Tick()
	// Turn ends a turn of the loop: it is called after one or more calls of
	// Receive, Tick, Job.Done or other inputs, when no further input is waiting.
	// The program does here what is worth doing once for all of them: proposes a
	// batch, sends, hands work to lanes, arms its timer.
	Turn()
}
