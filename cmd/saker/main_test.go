package main

import (
	"flag"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/saker-security/saker/internal/fakesink"
)

var update = flag.Bool("update", false, "write what the program prints into the scripts and documents")

// raceExit has the race detector end the program at once: by default every program built with it sleeps for a second
// when it is done.
const raceExit = "atexit_sleep_ms=20"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"saker": main})
}

// TestScripts runs the program as a user would; see `go doc testscript` for the form of the files.
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root)
			e.Setenv("FALCO_HOSTNAME", "host")
			e.Setenv("TZ", "UTC")
			e.Setenv("GORACE", raceExit)
			e.Setenv("SAKER_DATA_DIR", "memory")
			for _, name := range []string{"AUDIT", "WEB"} {
				address, err := fakesink.FreeAddress()
				if err != nil {
					return err
				}
				_, port, err := net.SplitHostPort(address)
				if err != nil {
					return err
				}
				e.Setenv(name, address)
				e.Setenv(name+"_PORT", port)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"post": post, "fetch": fetch, "waitfor": waitFor},
	})
}

// read gives the content of a file of the script, which the program may be writing.
func read(ts *testscript.TestScript, name string) string {
	data, err := os.ReadFile(ts.MkAbs(name))
	if err != nil && !os.IsNotExist(err) {
		ts.Fatalf("%v", err)
	}
	return string(data)
}
