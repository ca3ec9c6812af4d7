package bench

import (
	"fmt"
	"time"
)

// Mix says which operations are sent.
type Mix string

// The mixes.
const (
	Puts  Mix = "put"
	Gets  Mix = "get"
	Mixed Mix = "mixed"
	// All adds erasures and compare-and-sets.
	All Mix = "all"
)

// Options say what to measure.
type Options struct {
	Mix Mix
	// Reads is the share of gets of Mixed and All, 0 to 1.
	Reads float64
	// Clients is how many operations may be under way at once.
	Clients int
	// Duration of the measurement.
	Duration time.Duration
	// Rate in operations per second; 0 is a closed loop.
	Rate float64
	// KeySize and ValueSize in bytes. Values of recorded runs may be longer, to be
	// different; so may keys, to be fresh.
	KeySize, ValueSize int
	// Keys is the number of different keys.
	Keys int
	// Timeout of each operation.
	Timeout time.Duration
	// Seed of the choice of keys and operations.
	Seed uint64
	// Prefill stores every key before the measurement where gets are to be sent and the
	// run is not recorded.
	Prefill bool
	// Record keeps the history.
	Record bool
}

// Check says which option makes no sense.
func (o *Options) Check() error {
	switch o.Mix {
	case Puts, Gets, Mixed, All:
	default:
		return fmt.Errorf("--ops %q is not one of put, get, mixed, all", o.Mix)
	}
	switch {
	case o.Clients < 1 || o.Clients > 1<<16:
		return fmt.Errorf("--clients is %d, it must be 1 to %d", o.Clients, 1<<16)
	case o.Duration <= 0:
		return fmt.Errorf("--duration is %v, it must be more than 0", o.Duration)
	case o.Rate < 0:
		return fmt.Errorf("--rate is %v, it must be more than 0, or 0 for a closed loop", o.Rate)
	case o.Keys < 1:
		return fmt.Errorf("--keys is %d, it must be at least 1", o.Keys)
	case o.KeySize < 1:
		return fmt.Errorf("--key-size is %d, it must be at least 1", o.KeySize)
	case o.ValueSize < 0:
		return fmt.Errorf("--value-size is %d, it must be at least 0", o.ValueSize)
	case o.Reads < 0 || o.Reads > 1:
		return fmt.Errorf("--reads is %v, it must be 0 to 1", o.Reads)
	case o.Timeout <= 0:
		return fmt.Errorf("--timeout is %v, it must be more than 0", o.Timeout)
	}
	return nil
}

// reads is the share of gets of this mix.
func (o *Options) reads() float64 {
	switch o.Mix {
	case Puts:
		return 0
	case Gets:
		return 1
	}
	return o.Reads
}
