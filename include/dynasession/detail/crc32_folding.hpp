#ifndef DYNASESSION_DETAIL_CRC32_FOLDING_HPP
#define DYNASESSION_DETAIL_CRC32_FOLDING_HPP

#include <cstddef>
#include <cstdint>

#ifdef __x86_64__
#include <immintrin.h>
#endif

/// CRC-32 by carry-less multiplication, where the processor has it: a tenth of the time of tables.
///
/// A block of 16 bytes is a polynomial over GF(2) of degree below 128. Its two halves are multiplied by what the
/// distance to the next block multiplies them by, x^n mod P, and so disappear into that block (Gopal et al., "Fast CRC
/// Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009; here in reflected bit order).
namespace dynasession::inline v0::detail::crc32_folding {

inline constexpr std::size_t block = 16;
inline constexpr std::size_t least = 4 * block; // shorter texts, and what is left of a block, are for the tables

/// x^n mod P, reflected and shifted by the one bit that a product of reflected factors lacks.
constexpr long long make_power(int n) noexcept {
    std::uint32_t r = 0x80000000; // 1
    while (n-- > 0) r = r >> 1 ^ (r & 1 ? 0xEDB88320U : 0U);
    return static_cast<long long>(r) << 1;
}

template <int N>
inline constexpr long long power = make_power(N);

#ifdef __x86_64__

inline bool available() noexcept {
    static const bool has = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
    return has;
}

[[gnu::target("pclmul,sse4.1")]] inline __m128i load(const unsigned char* p) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

// What stands `Distance` bits before `next`, in its place.
template <int Distance>
[[gnu::target("pclmul,sse4.1")]] inline __m128i fold(__m128i from, __m128i next) noexcept {
    const auto by = _mm_set_epi64x(power<Distance - 32>, power<Distance + 32>);
    return _mm_xor_si128(next,
                         _mm_xor_si128(_mm_clmulepi64_si128(from, by, 0x00), _mm_clmulepi64_si128(from, by, 0x11)));
}

/// The register behind `size` bytes, a multiple of `block` and at least `least`.
[[gnu::target("pclmul,sse4.1")]] inline std::uint32_t run(const unsigned char* p, std::size_t size,
                                                          std::uint32_t before) noexcept {
    // Four chains, because a multiplication takes as long as four can be begun.
    auto a = _mm_xor_si128(load(p), _mm_cvtsi32_si128(static_cast<int>(before)));
    auto b = load(p + 16), c = load(p + 32), d = load(p + 48);
    for (p += least, size -= least; size >= least; p += least, size -= least) {
        a = fold<512>(a, load(p));
        b = fold<512>(b, load(p + 16));
        c = fold<512>(c, load(p + 32));
        d = fold<512>(d, load(p + 48));
    }
    d = fold<128>(fold<128>(fold<128>(a, b), c), d);
    for (; size != 0; p += block, size -= block) d = fold<128>(d, load(p));

    // 128 bits and the 32 zero bits behind any message: 96, 64, and the rest by bits of the quotient (Barrett).
    const auto low = _mm_set_epi32(0, 0, 0, -1);
    auto t = _mm_clmulepi64_si128(d, _mm_cvtsi64_si128(power<96>), 0x00);
    d = _mm_xor_si128(_mm_srli_si128(d, 8), t);
    t = _mm_clmulepi64_si128(_mm_and_si128(d, low), _mm_cvtsi64_si128(power<64>), 0x00);
    d = _mm_xor_si128(_mm_srli_si128(d, 4), t);
    const auto quotient = _mm_set_epi64x(0x1f7011641, 0x1db710641); // x^64 / P, and P; both reflected
    t = _mm_clmulepi64_si128(_mm_and_si128(d, low), quotient, 0x10);
    t = _mm_clmulepi64_si128(_mm_and_si128(t, low), quotient, 0x00);
    return static_cast<std::uint32_t>(_mm_extract_epi32(_mm_xor_si128(d, t), 1));
}

#else

constexpr bool available() noexcept { return false; }
inline std::uint32_t run(const unsigned char*, std::size_t, std::uint32_t before) noexcept { return before; }

#endif

} // namespace dynasession::inline v0::detail::crc32_folding

#endif
