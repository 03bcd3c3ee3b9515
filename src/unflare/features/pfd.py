"""The thirteen features of an event, all causal and all on one horizon W (25 ms), over the 3x3 pixels around it
and the cell that it is in.

The terms Mf, Ma, Ne and the two scores are those of Shi et al., "Polarity-Focused Denoising for Event Cameras" (PFD),
IEEE TCSVT 2025, in its event-by-event form; the set of thirteen is that of EventMamba-FX, with its columns that said
the same thing twice or grew with the recording replaced.

    #   name       formula                                                   unit  range        source
    0   x          (2 x - (w-1)) / (w-1)                                     1     -1 ... 1     EventMamba-FX
    1   y          (2 y - (h-1)) / (h-1)                                     1     -1 ... 1     EventMamba-FX
    2   polarity   +1 brighter, -1 darker                                    1     -1, 1        the event
    3   dt         age of the recording's previous event: a(Δt)              1     0 ... 1      EventMamba-FX
    4   dt_pixel   age of the pixel's previous event: a(Δt)                  1     0 ... 1      EventMamba-FX
    5   Mf         ln(1 + flips at the pixel)                                1     0 ...        PFD, M_f
    6   Ma         ln(1 + flips at the 8 neighbors)                          1     0 ...        PFD, M_a
    7   Ne         share of the 8 neighbors that are active                  1     0 ... 1      PFD, N_e / 8
    8   agreement  mean of polarity x last polarity of the neighbors         1     -1 ... 1     ours
                   that fired within 3/25 W (3 ms); 0 without any
    9   pfd_a      ln(1 + |M_f - M_a / N_e|); M_a / N_e is 0 without any     1     0 ...        PFD, score A
    10  pfd_b      ln(1 + M_a / N_e)                                         1     0 ...        PFD, score B
    11  balance    polarity x mean polarity of the events in the cell        1     -1 ... 1     ours
    12  density    ln(1 + events in the cell) - ln(1 + M / c), with M the    1     real         EventMamba-FX, made
                   events of the sensor, and c its cells                                        relative

- The window is closed: an event of age W counts, one of age W + 1 us does not. "Active", "flips" and "events" mean
  within the window; the event itself belongs to it, and so do earlier events of the same microsecond.
- A *flip* is an event whose pixel's previous event is of the opposite polarity and not older than W. So nothing older
  than 2 W can change a feature, and a recording may be entered anywhere with 2 W of warm-up.
- a(Δt) = ln(1 + min(Δt, W)) / ln(1 + W), Δt in microseconds; what never happened has age 1, as everything beyond W.
- Counts and quotients beyond max(W, 16,384), more than an event a microsecond, are taken for that many.
- A *cell* is one of 16x16 pixels, counted from the upper left corner; at the other borders cells may be smaller.
- Mirroring the sensor changes the sign of x or y, exactly, and nothing else, where cells fill the sensor.

What each is worth: ROC-AUC, mean over the validation and over the test scenes of the default run, of three networks
trained without it, and of three that see it permuted (`benchmarks/ablation.py`, 8 windows a step, H100). Between seeds
lie 0.01; with all thirteen it is 0.777 and 0.816.

                 left out        permuted                         left out        permuted
    x            .748  .753      .758  .752        agreement      .770  .803      .769  .812
    y            .756  .828      .757  .798        pfd_a          .791  .812      .766  .798
    polarity     .769  .798      .758  .784        pfd_b          .771  .825      .771  .792
    dt           .699  .797      .632  .790        balance        .751  .795      .764  .810
    dt_pixel     .778  .820      .771  .802        density        .733  .750      .709  .681
    Mf           .766  .805      .776  .793
    Ma           .778  .810      .771  .803
    Ne           .741  .781      .759  .811

dt_pixel, Ma and the two scores can be told from the others: without one of them nothing is lost, while a wrong one
costs. They stay, as what PFD is made of.

Version 1 had the age of the pixel's last flip and the number of its events instead of balance and density: .782 and
.794, against .797 and .831 with these two in the same trial, in which two of six other sets did as well on validation.
Added to version 1, of two or three networks: balance +.021 +.009, density +.003 +.031, x and y from the centre of all
flips +.031 -.010, balance of 3 ms +.017 -.011, age of the latest neighbor +.005 +.004, agreement over W +.004 -.003,
events of 64x64 pixels +.003 -.004, balance of the pixel +.002 -.006, time between its last two flips +.002 -.008,
regularity of its intervals .000 -.003, events of the cell -.001 +.003, balance of the sensor -.005 +.002, its events
-.011 -.005, events since the last flip -.017 -.013, the sensor's events in 1 ms -.029 -.014.
"""

FEATURES = (
    "x",
    "y",
    "polarity",
    "dt",
    "dt_pixel",
    "Mf",
    "Ma",
    "Ne",
    "agreement",
    "pfd_a",
    "pfd_b",
    "balance",
    "density",
)
VERSION = 2  # of the definitions above: caches and checkpoints of another version are refused
