package wiring

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// script gives the commands of the blocks of README.md in which a text stands.
func script(t *testing.T, readme, about string) string {
	t.Helper()
	var all []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(readme, -1) {
		if strings.Contains(block[1], about) {
			all = append(all, block[1])
		}
	}
	if len(all) == 0 {
		t.Fatalf("no commands with %s in\n%s", about, readme)
	}
	return strings.Join(all, "")
}

// stub puts a program that writes its arguments down, each on a line, into a directory.
func stub(t *testing.T, dir, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, bin, commands string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", "-c", commands)
	c.Dir = t.TempDir()
	c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Logf("%v: %s", err, out)
	}
	return string(out)
}

// TestReadmeQuotes makes the files in directories whose names would do something in a shell.
func TestReadmeQuotes(t *testing.T) {
	bin := t.TempDir()
	stub(t, bin, "saker", `for a; do printf '[%s]\n' "$a"; done`)
	dir := filepath.Join(t.TempDir(), "sp ace", "o'x$(touch `echo run`);\"")
	for _, name := range Distributions() {
		o := exampleOptions(name)
		o.Dir, o.SakerDir = dir, dir+"/saker"
		files, err := Make(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if f.Path != readmePath {
				continue
			}
			got := run(t, bin, script(t, string(f.Data), "saker run -c")+script(t, string(f.Data), "--wait 30s")+script(t, string(f.Data), "--renew"))
			for _, word := range []string{"[" + dir + "/saker/saker.yaml]\n[--wait]", "[-c]\n[" + dir + "/saker/saker.yaml]\n", "[--out]\n[" + dir + "]\n"} {
				if !strings.Contains(got, word) {
					t.Errorf("%s: no %q in what is given:\n%s", name, word, got)
				}
			}
		}
	}
	for _, c := range [][2]string{{"/etc/saker", "/etc/saker"}, {"", "''"}, {"-x", "'-x'"}, {"a b", "'a b'"}, {"it's", `'it'\''s'`}, {"~/x", "'~/x'"}} {
		if got := shellWord(c[0]); got != c[1] {
			t.Errorf("%q as a word: %s, want %s", c[0], got, c[1])
		}
	}
	for _, c := range [][2]string{{"/etc", "`/etc`"}, {"a`b", "`` a`b ``"}} {
		if got := codeSpan(c[0]); got != c[1] {
			t.Errorf("%q as code: %s, want %s", c[0], got, c[1])
		}
	}
	for _, bad := range []string{"a\nb", "a\x1b", "a\xff"} {
		o := exampleOptions("kind")
		o.SakerDir = bad
		if _, err := Make(o); err == nil {
			t.Errorf("%q is taken as a directory", bad)
		}
	}
}

// TestKubeadmStep patches a manifest as README.md says, also when kubectl fails: then it stays as it is.
func TestKubeadmStep(t *testing.T) {
	dir := written(t, func(o *Options) { o.For = "kubeadm" })
	commands := script(t, string(mustRead(t, dir, readmePath)), "kubectl patch")
	for _, c := range []struct{ name, kubectl, want string }{
		{"good", "echo patched", "patched\n"},
		{"fails", "echo half; exit 1", "before"},
		{"says nothing", "true", "before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bin, root := t.TempDir(), t.TempDir()
			stub(t, bin, "kubectl", c.kubectl)
			manifest := filepath.Join(root, "kube-apiserver.yaml")
			if err := os.MkdirAll(filepath.Join(root, "root"), 0o700); err != nil {
				t.Fatal(err)
			}
			// One that is left from an earlier time.
			for at, mode := range map[string]os.FileMode{manifest: 0o600, filepath.Join(root, "root", "kube-apiserver.yaml"): 0o644} {
				if err := os.WriteFile(at, []byte("before"), mode); err != nil {
					t.Fatal(err)
				}
			}
			run(t, bin, "umask 022\n"+strings.NewReplacer("/etc/kubernetes/manifests", root, "/root/", filepath.Join(root, "root")+"/").Replace(commands))
			data, err := os.ReadFile(manifest)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(manifest)
			if err != nil {
				t.Fatal(err)
			}
			if string(data) != c.want || info.Mode().Perm() != 0o600 {
				t.Errorf("the manifest is %q with the mode %o", data, info.Mode().Perm())
			}
		})
	}
}
