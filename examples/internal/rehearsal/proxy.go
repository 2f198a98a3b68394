package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// preparedVersion returns the version of core that all published modules require.
func preparedVersion(root string) (string, error) {
	var version string
	for _, dir := range published[1:] {
		file, err := readMod(filepath.Join(root, dir))
		if err != nil {
			return "", err
		}
		required := ""
		for _, r := range file.Require {
			if r.Mod.Path == prefix+"core" {
				required = r.Mod.Version
			}
		}
		switch {
		case required == "":
			return "", fmt.Errorf("%s/go.mod does not require core", dir)
		case version == "":
			version = required
		case version != required:
			return "", fmt.Errorf("%s/go.mod requires core %s, others %s", dir, required, version)
		}
	}
	return version, nil
}

func readMod(dir string) (*modfile.File, error) {
	name := filepath.Join(dir, "go.mod")
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(name, data, nil)
}

// addModule puts a module into the proxy as it is in the checkout: its go.mod
// with the replace lines, too, which are for the checkout and must not matter.
func addModule(proxy, root, dir, version string) error {
	source := filepath.Join(root, dir)
	file, err := readMod(source)
	if err != nil {
		return err
	}
	m := module.Version{Path: prefix + dir, Version: version}
	if file.Module.Mod.Path != m.Path {
		return fmt.Errorf("go.mod says module %s, want %s", file.Module.Mod.Path, m.Path)
	}
	if dir != "core" && len(file.Replace) == 0 {
		return errors.New("go.mod has no replace line: the adapter would not be built with the checkout's core")
	}
	target := filepath.Join(proxy, filepath.FromSlash(m.Path), "@v")
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	goMod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		"list":            version + "\n",
		version + ".info": fmt.Sprintf(`{"Version":%q,"Time":"2000-01-01T00:00:00Z"}`, version),
		version + ".mod":  string(goMod),
	} {
		if err := os.WriteFile(filepath.Join(target, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return writeZip(filepath.Join(target, version+".zip"), m, source)
}

func writeZip(name string, m module.Version, source string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(zip.CreateFromDir(f, m, source), f.Close())
}
