package osio

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfastdb/holdfast/kv/env"
)

// panickingJobEnv makes this test binary run a job that panics (see TestJobPanicEndsProcess).
const panickingJobEnv = "OSIO_TEST_PANICKING_JOB"

func TestMain(m *testing.M) {
	if os.Getenv(panickingJobEnv) != "" {
		loop := NewLoop(nil)
		loop.Submit(env.LaneApply, &job{run: func() { panic("job went wrong") }})
		loop.Run(&program{})
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// program records how the loop calls it. Its fields belong to the loop.
type program struct {
	calls  []string
	onTick func()
	onTurn func()
	from   []env.NodeID
}

func (p *program) Receive(from env.NodeID, _ []byte) { p.from = append(p.from, from) }

func (p *program) Tick() {
	p.calls = append(p.calls, "tick")
	if p.onTick != nil {
		p.onTick()
	}
}

func (p *program) Turn() {
	p.calls = append(p.calls, "turn")
	if p.onTurn != nil {
		p.onTurn()
	}
}

type job struct{ run, done func() }

func (j *job) Run() {
	if j.run != nil {
		j.run()
	}
}

func (j *job) Done() {
	if j.done != nil {
		j.done()
	}
}

// start runs the loop and closes it at the end of the test.
func start(t *testing.T, loop *Loop, p env.Program) {
	t.Helper()
	ended := make(chan struct{})
	go func() { loop.Run(p); close(ended) }()
	t.Cleanup(func() {
		loop.Close()
		<-ended
	})
}
