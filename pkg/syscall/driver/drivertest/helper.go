package drivertest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// helperName is the name by which the test binary, run again, knows that it is to be a helper.
const helperName = "drivertest-helper"

// init turns the process into a helper. It runs on the process's first thread.
func init() {
	if len(os.Args) != 2 || os.Args[0] != helperName {
		return
	}
	var err error
	switch os.Args[1] {
	case "exec by thread":
		errs := make(chan error)
		go func() { // not the first thread, which is locked to the main goroutine during init
			runtime.LockOSThread()
			errs <- unix.Exec("/bin/true", []string{"true", "by thread"}, os.Environ())
		}()
		err = <-errs
	case "execveat":
		var fd int
		if fd, err = unix.Open("/bin/true", unix.O_PATH, 0); err == nil {
			err = execveat(fd, "", []string{"true", "by descriptor"}, unix.AT_EMPTY_PATH)
		}
	case "memfd":
		err = execMemfd()
	case "wait":
		_, err = os.Stdin.Read(make([]byte, 1))
	}
	fmt.Fprintln(os.Stderr, helperName, os.Args[1], err)
	os.Exit(3)
}

// helper makes a command that runs the test binary as a helper.
func helper(t *testing.T, task string) *exec.Cmd {
	t.Helper()
	cmd := command(t, "/proc/self/exe")
	cmd.Args = []string{helperName, task}
	return cmd
}

func command(t *testing.T, path string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := &exec.Cmd{Path: path, Args: append([]string{path}, args...), Dir: t.TempDir()}
	return cmd
}

// run runs a command to its end, whatever its exit code.
func run(t *testing.T, cmd *exec.Cmd) *os.ProcessState {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatalf("run %s: %v %s", cmd.Path, err, stderr.String())
	}
	return cmd.ProcessState
}

// execMemfd runs a program from memory; it returns only when that failed.
func execMemfd() error {
	program, err := os.ReadFile("/bin/true")
	if err != nil {
		return err
	}
	fd, err := unix.MemfdCreate(helperName, unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, program); err != nil {
		return err
	}
	return unix.Exec(fmt.Sprintf("/proc/self/fd/%d", fd), []string{"true", "of a memfd"}, os.Environ())
}

// execveat returns only when the call failed.
func execveat(dir int, path string, argv []string, flags int) error {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	args := make([]*byte, 0, len(argv)+1)
	for _, a := range argv {
		b, err := unix.BytePtrFromString(a)
		if err != nil {
			return err
		}
		args = append(args, b)
	}
	args = append(args, nil)
	env := []*byte{nil}
	_, _, errno := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(dir), uintptr(unsafe.Pointer(p)),
		uintptr(unsafe.Pointer(&args[0])), uintptr(unsafe.Pointer(&env[0])), uintptr(flags), 0)
	return errno
}
