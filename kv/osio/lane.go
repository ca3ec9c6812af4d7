package osio

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
)

// maxLaneJobs is the number of jobs a lane holds before Submit takes it for a
// caller that lost count: callers bound what they have outstanding.
const maxLaneJobs = 1 << 16

// lane runs the jobs of one env.Lane on one goroutine, first in, first out.
type lane struct {
	name env.Lane
	jobs *mailbox[env.Job]
	// done takes each job after its Run, in order.
	done func(env.Job)
}

func newLane(name env.Lane, done func(env.Job)) *lane {
	return &lane{name: name, jobs: newMailbox[env.Job](), done: done}
}

func (l *lane) submit(job env.Job) {
	if waiting := l.jobs.put(job); waiting > maxLaneJobs {
		panic(fmt.Sprintf("osio: %d jobs wait on lane %s: the submitter does not bound its outstanding jobs", waiting, l.name))
	}
}

// run works until the lane is closed. A panic of a job is not recovered: it
// ends the process (OSIO-3).
func (l *lane) run() {
	for {
		jobs, open := l.jobs.takeAll()
		if !open {
			return
		}
		if len(jobs) == 0 {
			l.jobs.recycle(jobs)
			<-l.jobs.wake
			continue
		}
		for _, job := range jobs {
			if l.jobs.isClosed() {
				return
			}
			job.Run()
			l.done(job)
		}
		l.jobs.recycle(jobs)
	}
}
