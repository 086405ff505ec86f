// The frame of every page: fonts, theme, the bar, the demo's banner, the keys.
import clsx from "clsx";
import type { Metadata, Viewport } from "next";
import { cookies } from "next/headers";
import Script from "next/script";
import type { ReactNode } from "react";
import { DemoBanner } from "../components/shell/demo-banner.tsx";
import { Header } from "../components/shell/header.tsx";
import { Help } from "../components/shell/help.tsx";
import { loginOptions, visitor } from "./context.ts";
import { archivo, plexMono } from "./fonts.ts";
import "./globals.css";

export const metadata: Metadata = {
  title: { default: "Berth", template: "%s · Berth" },
  description: "The open broker for GPUs: rent one by wallet and get a shell in seconds.",
  icons: { icon: "/favicon.svg" },
};

export const viewport: Viewport = {
  width: "device-width",
  initialScale: 1,
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#fffdf7" },
    { media: "(prefers-color-scheme: dark)", color: "#121d27" },
  ],
};

/** The theme that was chosen; without one the system decides. Known before the first byte, so nothing flashes. */
async function chosenTheme(): Promise<"light" | "dark" | undefined> {
  const theme = (await cookies()).get("berth_theme")?.value;
  return theme === "light" || theme === "dark" ? theme : undefined;
}

export default async function RootLayout({ children }: { readonly children: ReactNode }) {
  const [theme, who] = await Promise.all([chosenTheme(), visitor()]);
  const login = loginOptions();
  return (
    <html lang="en" data-theme={theme} className={clsx(archivo.variable, plexMono.variable)} suppressHydrationWarning>
      <body>
        <a
          href="#main"
          className="sr-only focus:not-sr-only focus:absolute focus:top-2 focus:left-2 focus:z-50 focus:bg-sheet focus:px-3 focus:py-2"
        >
          Skip to the content
        </a>
        {login.demo && <DemoBanner />}
        <Header visitor={who} login={login} />
        <main id="main" tabIndex={-1} className="mx-auto max-w-[78rem] px-4 py-6 focus:outline-none sm:px-6">
          {children}
        </main>
        <Help />
        <Script src="/console.js" strategy="afterInteractive" />
      </body>
    </html>
  );
}
