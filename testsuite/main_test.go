package testsuite_test

import (
	"os"
	"testing"

	"github.com/holdfastdb/holdfast/testsuite/hunt"
)

func TestMain(m *testing.M) {
	hunt.EaseGC()
	os.Exit(m.Run())
}
