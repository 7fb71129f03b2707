// SPDX-License-Identifier: MIT
//
// Two sessions in C#, by P/Invoke as in Unity, joined by a path that loses one datagram in 25: 900 packets go in, 900 come
// out. `bytes` are lent until the next call on the session, so they are copied when they are to be kept.
using System;
using System.Runtime.InteropServices;

static class Duality {
    const string Library = "duality";

    public const int Ok = 0, NeedMore = 1, InvalidHandle = -17;
    public const int OutputTransmit = 1, OutputDeliver = 2, OutputEvent = 3;

    [StructLayout(LayoutKind.Sequential)]
    public struct Output {
        public uint structSize;
        public int kind;
        public IntPtr bytes;
        public UIntPtr size;
        public IntPtr sessionEvent;
        public uint path;
        public int transmit;
        public uint stream;
        public int recoveredBy;
        public ulong number;
        public long originNs, dueNs, latenessNs, heldNs;
        public uint pastDeadline, reserved;
    }

    [DllImport(Library)] public static extern uint duality_abi_version();
    [DllImport(Library)] static extern IntPtr duality_status_name(int status);
    [DllImport(Library)]
    public static extern int duality_session_create(IntPtr config, IntPtr host, IntPtr failure, out IntPtr session);
    [DllImport(Library)] public static extern int duality_session_destroy(IntPtr session);
    [DllImport(Library)]
    public static extern int duality_session_add_path(IntPtr session, long nowNs, uint path, IntPtr config);
    [DllImport(Library)]
    public static extern int duality_session_send(IntPtr session, long nowNs, uint stream, byte[] bytes, UIntPtr size);
    [DllImport(Library)]
    public static extern int duality_session_handle_datagram(IntPtr session, long nowNs, uint path, IntPtr bytes,
                                                             UIntPtr size);
    [DllImport(Library)] public static extern int duality_session_handle_timeout(IntPtr session, long nowNs);
    [DllImport(Library)]
    public static extern int duality_session_poll_output(IntPtr session, long nowNs, ref Output output);

    public static int Check(int status) {
        if (status < 0) throw new InvalidOperationException(Marshal.PtrToStringAnsi(duality_status_name(status)));
        return status;
    }
}

sealed class Session : IDisposable {
    IntPtr handle;

    public Session() { Duality.Check(Duality.duality_session_create(IntPtr.Zero, IntPtr.Zero, IntPtr.Zero, out handle)); }
    public void Dispose() {
        Duality.Check(Duality.duality_session_destroy(handle));
        handle = IntPtr.Zero;
    }
    public void AddPath(long now, uint path) {
        Duality.Check(Duality.duality_session_add_path(handle, now, path, IntPtr.Zero));
    }
    public void Send(long now, uint stream, byte[] packet) {
        Duality.Check(Duality.duality_session_send(handle, now, stream, packet, (UIntPtr)packet.Length));
    }
    public void HandleDatagram(long now, uint path, IntPtr bytes, UIntPtr size) {
        Duality.Check(Duality.duality_session_handle_datagram(handle, now, path, bytes, size));
    }
    public void HandleTimeout(long now) { Duality.Check(Duality.duality_session_handle_timeout(handle, now)); }
    public bool PollOutput(long now, ref Duality.Output output) {
        return Duality.Check(Duality.duality_session_poll_output(handle, now, ref output)) == Duality.Ok;
    }
}

static class Program {
    static int datagrams;

    /// Puts what one end wants to send before the other one; how many packets the application got.
    static int Carry(Session from, Session to, long now) {
        int delivered = 0;
        var output = new Duality.Output { structSize = (uint)Marshal.SizeOf(typeof(Duality.Output)) };
        while (from.PollOutput(now, ref output)) {
            if (output.kind == Duality.OutputTransmit && ++datagrams % 25 != 0)
                to.HandleDatagram(now, output.path, output.bytes, output.size);
            if (output.kind == Duality.OutputDeliver) ++delivered;
        }
        return delivered;
    }

    static int Main() {
        int delivered = 0;
        using (var client = new Session())
        using (var server = new Session()) {
            client.AddPath(0, 0);
            server.AddPath(0, 0);
            var state = new byte[400];
            for (int frame = 0; frame < 1000; ++frame) {
                long now = frame * 5000000L;
                state[0] = (byte)frame;
                if (frame < 900) client.Send(now, 0, state);
                client.HandleTimeout(now);
                server.HandleTimeout(now);
                delivered += Carry(client, server, now);
                delivered += Carry(server, client, now);
            }
        }
        Console.WriteLine("900 packets sent, {0} of {1} datagrams lost, {2} packets delivered", datagrams / 25, datagrams,
                          delivered);
        return delivered == 900 && Duality.duality_session_destroy((IntPtr)12345) == Duality.InvalidHandle ? 0 : 1;
    }
}
