# Programs of C and of C++, by CMake.
# needs: gcc g++ libc6-dev make cmake
. "$(dirname "$0")/expect.sh"
for consumer in consumer_c consumer_cpp; do
    cp -r "$SOURCE/tests/package/$consumer" .
    cp "$SOURCE"/examples/verify.c* $consumer/
    cmake -S $consumer -B $consumer/build >/dev/null
    cmake --build $consumer/build >/dev/null
    verifies $consumer/build/verify
done
