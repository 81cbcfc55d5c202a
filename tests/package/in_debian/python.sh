# The wheel for Python, beside torch or without; and with the library of the Debian package.
# needs: python3 python3-numpy python3-pip python3-torch
. "$(dirname "$0")/expect.sh"
python3 -m pip install -q --no-index --no-deps --target installed /srv/facematch-*.whl
export PYTHONPATH=$PWD/installed
cat >verify.py <<'END'
import os
import sys
import facematch as fm
models = os.environ["FACEMATCH_MODELS"]
with fm.Session(fm.Model(models + "/default.pt"), fm.Model(models + "/mtcnn.pt")) as session:
    sys.exit(0 if session.verify(*sys.argv[1:]) else 1)
END
verifies python3 verify.py
{ echo 'import torch'; cat verify.py; } >beside_torch.py
verifies python3 beside_torch.py

mkdir -p known/obama photos
cp "$PHOTOS/obama.jpg" known/obama/
cp "$PHOTOS/obama2.jpg" "$PHOTOS/biden.jpg" photos/
expect 0 python3 "$SOURCE/examples/python/folder_sorter.py" known photos sorted
[ -e sorted/obama/obama2.jpg ] && [ -e sorted/nobody-known/biden.jpg ] || fail "folder_sorter.py sorts wrongly"

python3 -c 'import facematch; assert facematch.library_path.startswith("/srv"), facematch.library_path'
rm -r installed/facematch/lib
python3 -c 'import facematch; assert facematch.library_path == "libfacematch.so.0.1", facematch.library_path'
verifies python3 verify.py
