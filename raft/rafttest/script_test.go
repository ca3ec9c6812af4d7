package rafttest_test

import (
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/rafttest"
)

// Goal: each story under testdata goes, step by step, as it is written down there.
// Method: run its commands and compare all that happens; -rewrite writes it anew.
func TestGoldenScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var s rafttest.Script
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			text, err := s.Run(d)
			require.NoError(t, err)
			return text
		})
	})
}
